"use strict";
(() => {
  const find = document.getElementById("find");
  const query = document.getElementById("q");
  const from = document.getElementById("from");
  const status = document.getElementById("status");
  const follow = (id) => {
    const link = document.getElementById(id);
    if (link) link.click();
  };
  const mine = (e) => !e.ctrlKey && !e.metaKey && !e.altKey && !e.target.matches("input, button, audio");
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && e.target.matches("input")) e.target.blur();
    if (!mine(e)) return;
    if (e.key === "n" || e.key === "ArrowRight") follow("next");
    if (e.key === "p" || e.key === "ArrowLeft") follow("previous");
    if (e.key === "/") e.preventDefault(); // some browsers search by themselves
  });
  // When the key is up again: it must not be typed into the field.
  document.addEventListener("keyup", (e) => {
    const field = e.key === "/" ? query : e.key === "g" ? from : null;
    if (!field || !mine(e)) return;
    field.focus();
    field.select();
  });
  if (from) return;
  // A file by itself: there is nobody to ask, so search in what is here.
  find.addEventListener("submit", (e) => {
    e.preventDefault();
    let pattern;
    try {
      pattern = new RegExp(query.value);
    } catch (error) {
      status.textContent = error.message;
      return;
    }
    let shown = 0;
    for (const article of document.querySelectorAll("article")) {
      article.hidden = !pattern.test(article.textContent);
      if (!article.hidden) shown++;
    }
    status.textContent = shown + " records";
  });
})();
