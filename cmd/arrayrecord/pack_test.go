package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// content writes a file.
func content(t *testing.T, name, text string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
	require.NoError(t, os.WriteFile(name, []byte(text), 0o666))
	return name
}

// withInput runs the command on standard input.
func withInput(t *testing.T, input string, args ...string) string {
	t.Helper()
	var out, errOut bytes.Buffer
	require.Zero(t, run(context.Background(), args, strings.NewReader(input), &out, &errOut), errOut.String())
	return out.String()
}

func TestPackLines(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	for input, want := range map[string][]string{
		"":                                     nil,
		"a\nb\r\n\nc":                          {"a", "b", "", "c"},
		"\n":                                   {""},
		strings.Repeat("x", 200_000) + "\ny\n": {strings.Repeat("x", 200_000), "y"},
	} {
		ok(t, "pack", content(t, filepath.Join(dir, "in.txt"), input), "-o", out, "--overwrite")
		require.Equal(t, lines(want...), ok(t, "cat", out))
		require.Equal(t, lines(want...), ok(t, "unpack", out, "--to", "lines", "-o", "-"))
	}
	withInput(t, "a\nb\n", "pack", "--from", "lines", "-", "-o", out, "--overwrite")
	require.Equal(t, lines("a", "b"), ok(t, "cat", out))
}

// Many inputs, read several at once, come in their order; shards take turns.
func TestPackKeepsTheOrder(t *testing.T) {
	dir := t.TempDir()
	n := 0
	for i := range 20 {
		var text strings.Builder
		for range 3000 * (i % 3) {
			fmt.Fprintf(&text, "r%d\n", n)
			n++
		}
		content(t, filepath.Join(dir, fmt.Sprintf("in%02d.txt", i)), text.String())
	}
	ok(t, "pack", filepath.Join(dir, "*.txt"), "-o", filepath.Join(dir, "one"), "--options", "group_size:1000")
	require.Equal(t, lines(numbered(n)...), ok(t, "cat", filepath.Join(dir, "one")))
	ok(t, "pack", filepath.Join(dir, "*.txt"), "-o", filepath.Join(dir, "s"), "--shards", "3", "--options", "group_size:1000")
	require.Equal(t, "r1\nr4\n", ok(t, "head", "-n2", filepath.Join(dir, "s-00001-of-00003.arrayrecord")))
	require.Contains(t, ok(t, "diff", "--sets", filepath.Join(dir, "one"), filepath.Join(dir, "s-*")), "equal")
}

func TestPackJSONLines(t *testing.T) {
	dir := t.TempDir()
	text := "{\"a\": 1, \"b\": [\"x\", \"y\"], \"c\": 2.5, \"d\": null, \"e\": true, \"f\": {\"base64\": \"AP8=\"}, \"g\": [1, 2.5, \"NaN\"]}\n\n{\"a\": 9007199254740993}"
	in := content(t, filepath.Join(dir, "x.jsonl"), text)
	out := filepath.Join(dir, "raw")
	ok(t, "pack", in, "-o", out)
	require.Equal(t, strings.ReplaceAll(text, "\n\n", "\n")+"\n", ok(t, "cat", out))

	ok(t, "pack", in, "--as", "example", "-o", out, "--overwrite")
	want := lines(`{"a":[1],"b":["x","y"],"c":[2.5],"e":[1],"f":[{"base64":"AP8="}],"g":[1.0,2.5,"NaN"]}`, `{"a":[9007199254740993]}`)
	require.Equal(t, want, ok(t, "cat", "-f", "json", out))
	// What comes out goes in again.
	again := filepath.Join(dir, "again.jsonl")
	ok(t, "unpack", out, "--to", "jsonl", "-o", again)
	ok(t, "pack", again, "--as", "example", "-o", out, "--overwrite")
	require.Equal(t, want, ok(t, "cat", "-f", "json", out))
	ok(t, "pack", in, "--as", "example", "--columns", "a:float", "-o", out, "--overwrite")
	require.Contains(t, ok(t, "cat", "-f", "json", out), `{"a":[1.0],`)

	for bad, why := range map[string]string{
		"{\"a\": 1}\n{\"a\"": "line 2", "[1]": "line 1", `{"a": {"b": 1}}`: `field "a"`, `{"a": ["x", 1]}`: "mixed", `{"a": [[1]]}`: "lists of",
		`{"a": 1} {"b": 2}`: "one object", `{"a": {"base64": "%"}}`: "base64", `null`: "one object",
	} {
		code, _, stderr := command(t, "pack", content(t, in, bad), "--as", "example", "-o", out+"-bad")
		require.Equal(t, exitFailed, code, bad)
		require.Contains(t, stderr, why)
		require.Contains(t, stderr, in)
		require.NoFileExists(t, out+"-bad")
	}
}

func TestPackCSV(t *testing.T) {
	dir := t.TempDir()
	in := content(t, filepath.Join(dir, "x.csv"), "\ufefflabel,score,\"the name\",none\n1,2.5,\"a, \"\"b\"\"\",\n-2,3,\"c\nd\",\n")
	out := filepath.Join(dir, "out")
	ok(t, "pack", in, "-o", out)
	require.Equal(t, lines(`{"label":[1],"score":[2.5],"the name":["a, \"b\""]}`, `{"label":[-2],"score":[3.0],"the name":["c\nd"]}`), ok(t, "cat", "-f", "json", out))
	ok(t, "pack", in, "--as", "raw", "-o", out, "--overwrite", "--columns", "label:bytes")
	require.Equal(t, lines(`{"label":"1","score":2.5,"the name":"a, \"b\""}`, `{"label":"-2","score":3,"the name":"c\nd"}`), ok(t, "cat", "-f", "json", out))

	// The first file decides for the next one, however short it is.
	second := content(t, filepath.Join(dir, "y.csv"), "label,score\n3,4\n")
	ok(t, "pack", in, second, "-o", out, "--overwrite")
	require.Contains(t, ok(t, "tail", "-n1", "-f", "json", out), `{"label":[3],"score":[4.0]}`)
	empty := content(t, filepath.Join(dir, "a.csv"), "")
	ok(t, "pack", empty, second, "-o", out, "--overwrite")

	ok(t, "pack", content(t, filepath.Join(dir, "0.txt"), "r"), second, "-o", out, "--overwrite")
	require.Equal(t, "2\n", ok(t, "grep", "-c", "", out))

	content(t, second, "label,score\n"+strings.Repeat("1,2\n", typedRows+500)+"x,2\n")
	code, _, stderr := command(t, "pack", second, "-o", out+"-bad")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, fmt.Sprintf("%s: line %d: column \"label\": \"x\" is not an integer; '--columns label:bytes'", second, typedRows+502))
	ok(t, "pack", second, "--columns", "label:bytes", "-o", out, "--overwrite")
	content(t, second, "a;b\n1;2\n")
	ok(t, "pack", second, "--delimiter", ";", "-o", out, "--overwrite")
	require.Equal(t, lines(`{"a":[1],"b":[2]}`), ok(t, "cat", "-f", "json", out))
	for _, bad := range []string{"a,a\n1,2\n", "a,b\n1\n", "a,b\n\"1,2\n"} {
		code, _, stderr := command(t, "pack", content(t, second, bad), "-o", out+"-bad")
		require.Equal(t, exitFailed, code, bad)
		require.Contains(t, stderr, second)
	}
}

func TestPackTFRecord(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join("..", "..", "testdata")
	ok(t, "pack", filepath.Join(data, "digits-*.tfrecord"), "-o", filepath.Join(dir, "a"))
	ok(t, "pack", filepath.Join(data, "digits-gzip.tfrecord.gz"), "-o", filepath.Join(dir, "b"))
	require.Contains(t, ok(t, "diff", filepath.Join(dir, "a"), filepath.Join(dir, "b")), "A has 1,797 records, B 1,797: equal")
	for _, compression := range []string{"none", "gzip", "zlib"} {
		name := filepath.Join(dir, compression+".tfrecord")
		ok(t, "unpack", filepath.Join(dir, "a"), "--to", "tfrecord", "--compression", compression, "-o", name)
		ok(t, "pack", name, "-o", name+".arrayrecord")
		require.Contains(t, ok(t, "diff", filepath.Join(dir, "a"), name+".arrayrecord"), "equal")
	}
	whole, err := os.ReadFile(filepath.Join(dir, "none.tfrecord"))
	require.NoError(t, err)
	cutOff := content(t, filepath.Join(dir, "cut.tfrecord"), string(whole[:len(whole)-3]))
	code, _, stderr := command(t, "pack", cutOff, "-o", filepath.Join(dir, "bad"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, cutOff+": ")
	require.Contains(t, stderr, "record 1796")
	require.NoFileExists(t, filepath.Join(dir, "bad"))
}

func TestPackDelimited(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	for _, r := range [][]string{{"a", "", strings.Repeat("b", 1000)}, {}} {
		var input []byte
		for _, record := range r {
			input = binary.AppendUvarint(input, uint64(len(record)))
			input = append(input, record...)
		}
		withInput(t, string(input), "pack", "--from", "delimited", "-", "-o", out, "--overwrite")
		require.Equal(t, lines(r...), ok(t, "cat", out))
		require.Equal(t, string(input), ok(t, "unpack", out, "--to", "delimited", "-o", "-"))
	}
	for _, bad := range []string{"\x05abc", "\xff", "\xff\xff\xff\xff\xff\x01", "\x01a\x80"} {
		code, _, stderr := command(t, "pack", "--from", "delimited", content(t, filepath.Join(dir, "bad"), bad), "-o", out+"-bad")
		require.Equal(t, exitFailed, code)
		require.Contains(t, stderr, "record ")
	}
}

func TestPackFiles(t *testing.T) {
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	content(t, filepath.Join(in, "b", "x.jpg"), "\xff\xd8\xff1")
	content(t, filepath.Join(in, "a.txt"), "text")
	content(t, filepath.Join(in, ".hidden"), "no")
	out := filepath.Join(dir, "out")
	ok(t, "pack", in, "-o", out)
	require.Equal(t, lines("text", `\xff\xd8\xff1`), ok(t, "cat", out))
	ok(t, "unpack", out, "--to", "files", "-o", filepath.Join(dir, "numbers"))
	require.FileExists(t, filepath.Join(dir, "numbers", "00000000.txt"))
	require.FileExists(t, filepath.Join(dir, "numbers", "00000001.jpg"))

	ok(t, "pack", in+"/", "--as", "example", "-o", out, "--overwrite")
	require.Equal(t, lines(`{"content":["text"],"path":["a.txt"]}`), ok(t, "head", "-n1", "-f", "json", out))
	ok(t, "unpack", out, "--to", "files", "--field", "content", "--name", "path", "-o", filepath.Join(dir, "again"))
	data, err := os.ReadFile(filepath.Join(dir, "again", "b", "x.jpg"))
	require.NoError(t, err)
	require.Equal(t, "\xff\xd8\xff1", string(data))
	code, _, stderr := command(t, "unpack", out, "--to", "files", "--field", "content", "--name", "path", "-o", filepath.Join(dir, "again"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "--overwrite")
}

// What a record says its name is cannot lead out of the directory.
func TestUnpackStaysInItsDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"../x", "/tmp/x", "a/../../x", "", ".", "..", "a/", "./a", `..\\x`, "a\x00b"} {
		text := fmt.Sprintf("{\"n\": %q, \"__key__\": %q, \"v\": \"1\"}", name, name)
		text = strings.ReplaceAll(text, `\x00`, `\u0000`)
		out := filepath.Join(dir, "out")
		ok(t, "pack", content(t, filepath.Join(dir, "in.jsonl"), text), "--as", "example", "-o", out, "--overwrite")
		for _, to := range [][]string{{"--to", "files", "--name", "n", "-o", filepath.Join(dir, "files")}, {"--to", "tar", "-o", filepath.Join(dir, "tar")}} {
			code, _, stderr := command(t, append([]string{"unpack", out}, to...)...)
			require.Equal(t, exitFailed, code, name)
			require.Contains(t, stderr, "no name within a directory")
		}
	}
	require.Empty(t, names(t, filepath.Join(dir, "files", "*")))
	require.NoFileExists(t, filepath.Join(dir, "tar"))
}

func TestPackWebDataset(t *testing.T) {
	dir := t.TempDir()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, f := range [][2]string{{"a/1.jpg", "\xff\xd8\xff"}, {"a/1.cls", "7"}, {"a/2.jpg", "\xff\xd8\xff2"}, {"a/2.cls", "8"}, {"b/2.seg.png", "png"}} {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: f[0], Size: int64(len(f[1])), Mode: 0o600}))
		_, err := w.Write([]byte(f[1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, z.Close())
	in := content(t, filepath.Join(dir, "x.tar.gz"), b.String())
	out := filepath.Join(dir, "out")
	ok(t, "pack", in, "-o", out)
	want := lines(`{"__key__":["a/1"],"cls":["7"],"jpg":[{"base64":"/9j/"}]}`, `{"__key__":["a/2"],"cls":["8"],"jpg":[{"base64":"/9j/Mg=="}]}`, `{"__key__":["b/2"],"seg.png":["png"]}`)
	require.Equal(t, want, ok(t, "cat", "-f", "json", out))
	ok(t, "unpack", out, "--to", "tar", "-o", filepath.Join(dir, "again.tar"))
	ok(t, "pack", filepath.Join(dir, "again.tar"), "-o", out, "--overwrite")
	require.Equal(t, want, ok(t, "cat", "-f", "json", out))
	ok(t, "pack", in, "--as", "raw", "-o", out, "--overwrite")
	require.Equal(t, "5\n", ok(t, "grep", "-c", "", out))

	ok(t, "unpack", digits, "--to", "tar", "-o", filepath.Join(dir, "digits.tar"))
	data, err := os.Open(filepath.Join(dir, "digits.tar"))
	require.NoError(t, err)
	defer data.Close()
	r := tar.NewReader(data)
	for range 3 {
		_, err = r.Next()
		require.NoError(t, err)
	}
	require.NoError(t, err)
	h, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, "000000000.label", h.Name)
	var label bytes.Buffer
	_, err = label.ReadFrom(r)
	require.NoError(t, err)
	require.Equal(t, "[0]", label.String())
}

func TestPackInBuckets(t *testing.T) {
	dir := fakegcs.Dir(t)
	u, err := storage.Create(context.Background(), dir+"/in/a.jsonl", storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("{}\n{}\n"))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	ok(t, "pack", dir+"/in/*", "-o", dir+"/out.arrayrecord")
	require.Equal(t, "{}\n{}\n", ok(t, "unpack", dir+"/out.arrayrecord", "--to", "jsonl", "-o", "-"))
	ok(t, "unpack", dir+"/out.arrayrecord", "--to", "lines", "-o", dir+"/lines")
	_, err = storage.Stat(context.Background(), dir+"/lines")
	require.NoError(t, err)
}

func TestWrongPackCommandLines(t *testing.T) {
	unknown := content(t, filepath.Join(t.TempDir(), "x.unknown"), "")
	for _, args := range [][]string{
		{"pack", digits, "-o", "x"}, {"pack", "-o", "x"}, {"pack", unknown, "-o", "x"}, {"pack", unknown}, {"pack", unknown, "--from", "xml", "-o", "x"},
		{"pack", "--from", "lines", "-", "-", "-o", "x"}, {"pack", "--from", "lines", "--as", "example", unknown, "-o", "x"},
		{"pack", "--from", "csv", "--columns", "a", unknown, "-o", "x"}, {"pack", "--from", "csv", "--columns", "a:b", unknown, "-o", "x"},
		{"pack", "--from", "csv", "--delimiter", "", unknown, "-o", "x"}, {"pack", "--from", "lines", unknown + "[0:1]", "-o", "x"},
		{"unpack", digits}, {"unpack", digits, "-o", "x"}, {"unpack", digits, "--to", "files", "-o", "-"}, {"unpack", digits, "--to", "lines", "--field", "x", "-o", "x"},
		{"unpack", digits, "--to", "lines", "--compression", "gzip", "-o", "x"}, {"unpack", digits, "--to", "lines", "-o", "gs:/x"},
	} {
		code, _, stderr := command(t, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, stderr)
	}
	require.NoFileExists(t, "x")
}

// What pack suggests for a file of another kind works.
func TestTheSuggestionWorks(t *testing.T) {
	in := filepath.Join("..", "..", "testdata", "digits-00000-of-00003.tfrecord")
	_, _, stderr := command(t, "cat", in)
	_, suggestion, _ := strings.Cut(stderr, "'arrayrecord ")
	suggestion, _, _ = strings.Cut(suggestion, "'")
	args := strings.Fields(suggestion)
	args[len(args)-1] = filepath.Join(t.TempDir(), "x")
	ok(t, args...)
	require.Contains(t, ok(t, "info", args[len(args)-1]), "records    599")
}
