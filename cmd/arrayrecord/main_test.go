package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func command(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &out, &errOut)
	return code, out.String(), errOut.String()
}

func ok(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := command(t, args...)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	return stdout
}

func writeFile(t *testing.T, records ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.arrayrecord")
	w, err := arrayrecord.Create(context.Background(), name, arrayrecord.WithGroupSize(2))
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write([]byte(record)))
	}
	require.NoError(t, w.Close())
	return name
}

var digits = filepath.Join("..", "..", "testdata", "digits-default.arrayrecord")

func TestInfo(t *testing.T) {
	out := ok(t, "info", digits)
	require.Contains(t, out, "records    200\n")
	require.Contains(t, out, "group size 1\n")
	require.Contains(t, out, "chunks     200\n")
	require.Contains(t, out, "zstd:3,window_log:20")

	name := writeFile(t, "a", "b", "c")
	require.JSONEq(t, `{"file":"`+name+`","bytes":131072,"records":3,"group_size":2,"chunks":2,
		"codec":"zstd","transposed":false,"decoded_bytes":3,"estimated":false,
		"writer_options":"group_size:2,transpose:false,pad_to_block_boundary:false,zstd:3,window_log:20,max_parallelism:1"}`,
		ok(t, "info", "--json", name))
}

func TestInfoShowsTheOtherFilesToo(t *testing.T) {
	name := writeFile(t, "a")
	code, stdout, stderr := command(t, "info", name+"-missing", name)
	require.Equal(t, 1, code)
	require.Contains(t, stdout, "      1  128 KiB   0.00      1  zstd   "+name+"\n")
	require.NotContains(t, stdout, "total")
	require.Contains(t, stderr, "arrayrecord: ")
	require.Contains(t, stderr, name+"-missing")
}

func TestCatFormats(t *testing.T) {
	name := writeFile(t, "plain", "two\nlines", "\xff\x00\\é")
	require.Equal(t, "plain\ntwo\\nlines\n\\xff\\x00\\\\é\n", ok(t, "cat", name))
	require.Equal(t, "plaintwo\nlines\xff\x00\\é", ok(t, "cat", "--format", "raw", name))
	require.Equal(t, hex.EncodeToString([]byte("plain"))+"\n", strings.SplitAfter(ok(t, "cat", "-f", "hex", name), "\n")[0])
	require.Equal(t, "plain\ntwo\\nlines\n\\xff\\x00\\\\é\n", ok(t, "cat", "--format=text", name))
}

func TestCatOfSeveralFiles(t *testing.T) {
	require.Equal(t, "a\nb\nc\n", ok(t, "cat", writeFile(t, "a"), writeFile(t, "b", "c")))
}

func TestExamplesAsJSON(t *testing.T) {
	objects := strings.SplitAfter(ok(t, "cat", "--format", "example", digits), "\n}\n")
	require.Len(t, objects[:len(objects)-1], 200)
	require.True(t, json.Valid([]byte(objects[0])), objects[0])
	require.Contains(t, objects[0], `"label": [0]`)
	require.Equal(t, objects[7]+objects[199], ok(t, "get", "-f", "example", digits, "7", "-1"))

	code, _, stderr := command(t, "get", "-f", "example", writeFile(t, "no such message"), "0")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "record 0")
}

func TestGet(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2", "r3", "r4")
	require.Equal(t, "r3\nr0\nr3\n", ok(t, "get", name, "3", "0", "3"))
	require.Equal(t, "r4\n", ok(t, "get", name, "-1"))
	require.Equal(t, "r1\nr2\n", ok(t, "get", name, "1:3"))
	require.Equal(t, "r3\nr4\n", ok(t, "get", name, "-2:"))
	require.Equal(t, "r0\n", ok(t, "get", name, ":1"))
	require.Empty(t, ok(t, "get", name, "2:2"))
	for _, outside := range []string{"5", "-6", "3:2", "0:6", "-7:"} {
		code, stdout, stderr := command(t, "get", name, outside)
		require.Equal(t, 1, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, outside)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{}, {"nonsense"}, {"info"}, {"cat"}, {"get", digits}, {"get", digits, "one"}, {"get", digits, ""},
		{"cat", "--format", "nonsense", digits}, {"info", "--nonsense", digits},
	} {
		code, stdout, stderr := command(t, args...)
		require.Equal(t, 2, code, args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "arrayrecord")
		require.Contains(t, stderr, "--help")
	}
}

func TestHelp(t *testing.T) {
	require.Contains(t, ok(t, "--help"), "arrayrecord get train.arrayrecord 0 7 -1 --format example")
	require.Contains(t, ok(t, "get", "--help"), "BEGIN:END")
}

func TestDamagedFile(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2", "r3")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	data[64+50] ^= 1 // in the data of the first chunk
	require.NoError(t, os.WriteFile(name, data, 0o666))
	code, _, stderr := command(t, "cat", name)
	require.Equal(t, 1, code)
	require.Contains(t, stderr, name)
	require.Contains(t, stderr, "offset 64")
	require.Equal(t, "r3\n", ok(t, "get", name, "3"))

	code, _, stderr = command(t, "info", "main.go")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "not an ArrayRecord file")
}

// fullWriter has no room.
type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestOutputThatFails(t *testing.T) {
	var stderr bytes.Buffer
	require.Equal(t, 1, run(context.Background(), []string{"cat", digits}, strings.NewReader(""), fullWriter{}, &stderr))
	require.Contains(t, stderr.String(), "closed")
}
