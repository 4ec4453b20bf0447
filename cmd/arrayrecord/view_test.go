package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

const viewToken = "SECRET"

// viewServer serves the page of a file.
func viewServer(t *testing.T, shapes map[string][]int, args ...string) (*httptest.Server, *http.Client) {
	t.Helper()
	a := &app{screen: screen{width: 80}}
	d, err := a.open(context.Background(), args...)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	v, err := newViewer(context.Background(), a, d, args)
	require.NoError(t, err)
	v.shapes = shapes
	s := httptest.NewUnstartedServer(nil)
	s.Config.Handler = v.handler(viewToken, s.Listener.Addr().String())
	s.Start()
	t.Cleanup(s.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return s, &http.Client{Jar: jar}
}

func getPage(t *testing.T, c *http.Client, address string) (int, string, http.Header) {
	t.Helper()
	r, err := c.Get(address)
	require.NoError(t, err)
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return r.StatusCode, string(body), r.Header
}

// nastyFile has records that would do harm in a page that does not escape them.
func nastyFile(t *testing.T) string {
	record, err := tfexample.Encode(map[string]*tfexample.Feature{
		`<script>alert(1)</script>`: tfexample.Strings(`"><img src=x onerror=alert(1)>`),
		"svg":                       tfexample.Strings(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"pixels":                    tfexample.Ints(0, 1, 2, 3, 4, 5), "height": tfexample.Ints(2), "width": tfexample.Ints(3),
		"huge": tfexample.Bytes(make([]byte, 10)), "huge/shape": tfexample.Ints(1<<40, 1<<40, 3),
		"sound": tfexample.Strings("RIFF\x00\x00\x00\x00WAVE"),
	})
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "<b>nasty&.arrayrecord")
	writeNamed(t, name, string(record), "<i>plain</i>", "\x00\x01", "\x89PNG\r\n\x1a\n", "")
	return name
}

// The page of objects in a bucket, with --html too.
func TestViewOfABucket(t *testing.T) {
	dir := fakegcs.Dir(t)
	writeNamed(t, dir+"/a.arrayrecord", "first of a", "second of a")
	writeNamed(t, dir+"/b.arrayrecord", "first of b")
	s, c := viewServer(t, nil, dir+"/")
	code, body, _ := getPage(t, c, s.URL+"/?token="+viewToken)
	require.Equal(t, http.StatusOK, code)
	for _, text := range []string{dir + "/a.arrayrecord", dir + "/b.arrayrecord", "second of a", "first of b"} {
		require.Contains(t, body, text)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	ok(t, "view", "--html", page, dir+"/*.arrayrecord")
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(html), "first of b")
}

func TestViewWantsTheToken(t *testing.T) {
	s, c := viewServer(t, nil, digits)
	for _, address := range []string{"/", "/media?record=0", "/?token=wrong", "/?token=", "/media?token=" + viewToken, "/nothing"} {
		code, body, h := getPage(t, c, s.URL+address)
		require.Equal(t, http.StatusForbidden, code, address)
		require.NotContains(t, body, "records")
		require.Contains(t, h.Get("Content-Security-Policy"), "default-src 'none'")
	}
	code, body, _ := getPage(t, c, s.URL+"/?token="+viewToken)
	require.Equal(t, http.StatusOK, code)
	require.NotContains(t, body, viewToken)
	require.Contains(t, body, "200 records")
	code, _, _ = getPage(t, c, s.URL+"/")
	require.Equal(t, http.StatusOK, code)
}

func TestViewPagesAndSearches(t *testing.T) {
	dir := t.TempDir()
	writeOptions(t, filepath.Join(dir, "a.arrayrecord"), "group_size:7", 0, 100)
	writeOptions(t, filepath.Join(dir, "b.arrayrecord"), "group_size:7", 100, 150)
	s, c := viewServer(t, nil, dir)
	_, body, _ := getPage(t, c, s.URL+"/?token="+viewToken)
	require.Contains(t, body, "Records 0 to 19 of 250")
	require.Contains(t, body, `href="?from=20"`)
	require.NotContains(t, body, `id="previous"`)
	_, body, _ = getPage(t, c, s.URL+"/?from=240")
	require.Contains(t, body, "<pre>r249</pre>")
	require.NotContains(t, body, `id="next"`)
	_, body, _ = getPage(t, c, s.URL+"/?q=r.*77")
	require.Contains(t, body, "<pre>r77</pre>")
	require.Contains(t, body, "<pre>r177</pre>")
	require.Contains(t, body, "2 found in the records 0 to 249")
	_, body, _ = getPage(t, c, s.URL+"/?q=^r")
	require.Contains(t, body, "Next goes on")
	require.Contains(t, body, `href="?from=20&amp;q=%5Er"`)
	// The map of the second file leads to its records.
	_, body, _ = getPage(t, c, s.URL+"/?file=1")
	require.Contains(t, body, "22 chunks")
	require.Contains(t, body, `href="?file=1&amp;from=100"`)
	for address, why := range map[string]string{"?from=250": "there are records 0 to 249", "?from=x": "no number", "?q=(": "missing closing", "?from=-1": "there are records"} {
		code, body, _ := getPage(t, c, s.URL+"/"+address)
		require.Equal(t, http.StatusOK, code)
		require.Contains(t, body, why)
	}
}

func TestViewEscapesEverything(t *testing.T) {
	name := nastyFile(t)
	s, c := viewServer(t, nil, name)
	_, page, _ := getPage(t, c, s.URL+"/?token="+viewToken+"&q=")
	_, search, _ := getPage(t, c, s.URL+`/?q=%22%3E%3Cscript%3Ealert(2)%3C/script%3E&from=%3Cscript%3E`)
	static := ok(t, "view", name, "--html", "-")
	for _, body := range []string{page, search, static} {
		for _, tag := range []string{"<script>alert", "<img src=x", "<svg xmlns", "<i>", "<b>"} {
			require.NotContains(t, body, tag)
		}
		require.Equal(t, 1, strings.Count(body, "<script>"))
		require.NotContains(t, body, "ZgotmplZ")
		require.NotContains(t, body, " style=")
	}
	require.Contains(t, static, "Content-Security-Policy")
	require.Contains(t, static, "&lt;i&gt;plain&lt;/i&gt;")
}

func TestViewShowsPicturesAndSounds(t *testing.T) {
	s, c := viewServer(t, map[string][]int{"image": {8, 8, 1}}, digits)
	_, body, _ := getPage(t, c, s.URL+"/?token="+viewToken)
	require.Contains(t, body, `<img src="media?feature=image&amp;record=3" alt="image of record 3" class="small">`)
	code, data, h := getPage(t, c, s.URL+"/media?feature=image&record=3")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "image/png", mediaType([]byte(data)))
	require.Equal(t, "image/png", h.Get("Content-Type"))
	require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"))
	for _, nothing := range []string{"record=3&feature=label", "record=3&feature=none", "record=3", "record=200", "record=-1", "record=x", ""} {
		code, _, _ := getPage(t, c, s.URL+"/media?"+nothing)
		require.Equal(t, http.StatusNotFound, code, nothing)
	}
	s, c = viewServer(t, nil, nastyFile(t))
	_, body, _ = getPage(t, c, s.URL+"/?token="+viewToken)
	require.Contains(t, body, "image/png, 3×2") // from height and width beside it
	require.Contains(t, body, `<audio controls preload="none" src="media?feature=sound`)
	require.NotContains(t, body, "media?feature=huge")
	require.NotContains(t, body, "media?feature=svg")
}

func TestViewWritesOneFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.html")
	ok(t, "view", digits, "--image", "image=8x8", "--html", name)
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Contains(t, string(data), `src="data:image/png;base64,`)
	require.Contains(t, string(data), `id="r99"`)
	require.NotContains(t, string(data), `id="r100"`)
	for _, outside := range []string{"http://", "https://", "media?"} {
		require.NotContains(t, string(data), outside)
	}
	require.Contains(t, ok(t, "view", writeFile(t), "--html", "-"), "There are no records.")
	for _, shape := range []string{"x", "=8x8", "a=8", "a=8x8x2", "a=0x8", "a=-1x8", "a=99999999x99999999", "a=8x8x3x1"} {
		code, _, _ := command(t, "view", digits, "--html", "-", "--image", shape)
		require.Equal(t, exitUsage, code, shape)
	}
	code, _, stderr := command(t, "view", digits, "--html", "-", "--listen", "x")
	require.Zero(t, code, stderr)
}

// A file with more chunks than cells.
func TestMapOfManyChunks(t *testing.T) {
	name := writeOptions(t, filepath.Join(t.TempDir(), "x"), "group_size:1", 0, 5000)
	page := ok(t, "view", name, "--html", "-")
	require.Contains(t, page, "5,000 chunks, some 9 to a cell")
	require.Equal(t, mapColumns*mapRows, strings.Count(page, "<rect x="))
	require.Contains(t, page, fmt.Sprintf("to %d,", 4999))
}
