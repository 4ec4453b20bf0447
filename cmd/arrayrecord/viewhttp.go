package main

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// handler serves the page to those who have the token: in the address at first, then as a cookie.
func (v *viewer) handler(token, address string) http.Handler {
	_, port, _ := strings.Cut(address[strings.LastIndexByte(address, ']')+1:], ":")
	cookie := "arrayrecord-" + port // cookies do not tell ports apart
	same := func(s string) bool { return subtle.ConstantTimeCompare([]byte(s), []byte(token)) == 1 }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", v.page)
	mux.HandleFunc("GET /media", v.media)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "private, no-store")
		if given := r.URL.Query().Get("token"); r.URL.Path == "/" && same(given) {
			http.SetCookie(w, &http.Cookie{Name: cookie, Value: token, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			http.Redirect(w, r, "./", http.StatusSeeOther)
			return
		}
		if c, err := r.Cookie(cookie); err != nil || !same(c.Value) {
			http.Error(w, "Use the address that 'arrayrecord view' has printed, with its token.", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// page answers with a page of records.
func (v *viewer) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p, err := v.pageOf(r.Context(), q.Get("from"), q.Get("q"), q.Get("file"))
	if err != nil {
		http.Error(w, strings.Join(v.a.describe(err), "\n"), http.StatusInternalServerError)
		return
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, p); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(b.Bytes())
}

// media answers with a picture or a sound of a record.
func (v *viewer) media(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	i, err := strconv.Atoi(q.Get("record"))
	if err != nil || i < 0 || i >= v.d.NumRecords() {
		http.Error(w, "no such record", http.StatusNotFound)
		return
	}
	record, err := v.d.Get(r.Context(), i)
	if err != nil {
		http.Error(w, strings.Join(v.a.describe(err), "\n"), http.StatusInternalServerError)
		return
	}
	data, kind, err := v.mediaOf(record, q.Get("feature"))
	if errors.Is(err, errNoMedia) {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(data)
}
