//go:build browser

package main

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// browser starts Chromium. What it complains about, such as what the page's policy forbids, and what
// scripts throw fails the test.
func browser(t *testing.T) context.Context {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.WindowSize(1000, 1300), chromedp.WSURLReadTimeout(2*time.Minute))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	var mu sync.Mutex
	var complaints []string
	complain := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		complaints = append(complaints, text)
	}
	ctx, stop := chromedp.NewContext(allocator, chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *log.EventEntryAdded:
			complain(e.Entry.Text)
		case *runtime.EventExceptionThrown:
			complain(e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			complain("console: " + string(e.Type))
		}
	}))
	t.Cleanup(func() {
		stop()
		cancel()
		mu.Lock()
		defer mu.Unlock()
		require.Empty(t, complaints)
	})
	do(t, ctx, func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, log.Enable, cdp.Empty{})
		return chromedp.Void{}, err
	})
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t, chromedp.Do(ctx, steps...))
}

// evaluate runs a script that gives a value.
func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	require.NoError(t, err)
	return value
}

// shows does something, and waits until the page is there, with its script, and says what it shows.
func shows(t *testing.T, ctx context.Context, want string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	do(t, ctx, steps...)
	last := ""
	for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(50 * time.Millisecond) {
		// A page that goes away meanwhile gives an error.
		last, _ = chromedp.Run(ctx, chromedp.Evaluate[string](
			`document.readyState === "complete" ? document.querySelector("#status")?.textContent ?? "" : "not loaded"`))
		if last == want {
			return
		}
	}
	require.Equal(t, want, last)
}

// dark asks for dark colours.
func dark(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
	_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}},
	})
	return chromedp.Void{}, err
}

// screenshot keeps what the browser shows in the directory $ARRAYRECORD_SCREENSHOTS, if that is set.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.Equal(t, "image/png", mediaType(picture))
	if dir := os.Getenv("ARRAYRECORD_SCREENSHOTS"); dir != "" {
		require.NoError(t, os.MkdirAll(dir, 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o666))
	}
}

func TestBrowserPagesSearchesAndShows(t *testing.T) {
	s, _ := viewServer(t, map[string][]int{"image": {8, 8, 1}}, digits)
	ctx := browser(t)
	shows(t, ctx, "Records 0 to 19 of 200", chromedp.Navigate(s.URL+"/?token="+viewToken))
	require.NotContains(t, evaluate[string](t, ctx, "location.href"), viewToken)
	require.Equal(t, 8, evaluate[int](t, ctx, `document.querySelector("#r3 img").naturalWidth`))
	require.Equal(t, 20, evaluate[int](t, ctx, `document.querySelectorAll("article img").length`))
	screenshot(t, ctx, "view-light")

	shows(t, ctx, "Records 20 to 39 of 200", chromedp.Click(chromedp.CSS("#next")))
	shows(t, ctx, "Records 40 to 59 of 200", chromedp.KeyEvent("n"))
	shows(t, ctx, "Records 20 to 39 of 200", chromedp.KeyEvent("p"))
	shows(t, ctx, "Records 180 to 199 of 200", chromedp.Click(chromedp.CSS("#last")))
	shows(t, ctx, "Records 77 to 96 of 200", chromedp.KeyEvent("g"), chromedp.KeyEvent("77"), chromedp.KeyEvent(kb.Enter))
	shows(t, ctx, "Records 0 to 19 of 200", chromedp.Click(chromedp.CSS("#first")))
	shows(t, ctx, "1 found in the records 0 to 199", chromedp.KeyEvent("/"), chromedp.KeyEvent("digits/0123"), chromedp.KeyEvent(kb.Enter))
	shows(t, ctx, "Records 0 to 19 of 200", chromedp.Navigate(s.URL))
	evaluate[bool](t, ctx, `document.querySelectorAll(".map a")[64].dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, view: window}))`)
	shows(t, ctx, "Records 64 to 83 of 200")
	shows(t, ctx, "Records 0 to 19 of 200", dark, chromedp.Navigate(s.URL))
	screenshot(t, ctx, "view-dark")

	// Nothing is wider than a telephone.
	shows(t, ctx, "Records 0 to 19 of 200", chromedp.EmulateViewport(360, 800), chromedp.Navigate(s.URL))
	require.LessOrEqual(t, evaluate[int](t, ctx, `document.documentElement.scrollWidth - document.documentElement.clientWidth`), 0)
	screenshot(t, ctx, "view-narrow")
}

func TestBrowserRunsNothingOfTheData(t *testing.T) {
	s, _ := viewServer(t, nil, nastyFile(t))
	ctx := browser(t)
	shows(t, ctx, "Records 0 to 4 of 5", chromedp.Navigate(s.URL+"/?token="+viewToken))
	require.Contains(t, evaluate[string](t, ctx, "document.title"), "<b>nasty&.arrayrecord")
	require.Equal(t, 1, evaluate[int](t, ctx, "document.scripts.length"))
}

func TestBrowserShowsOneFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.html")
	ok(t, "view", digits, "--image", "image=8x8", "--html", name)
	ctx := browser(t)
	shows(t, ctx, "Records 0 to 99 of 200", chromedp.Navigate("file://"+name))
	shows(t, ctx, "10 records", chromedp.KeyEvent("/"), chromedp.KeyEvent("digits/004"), chromedp.KeyEvent(kb.Enter))
	require.Equal(t, 8, evaluate[int](t, ctx, `document.querySelector("#r40 img").naturalWidth`))
}
