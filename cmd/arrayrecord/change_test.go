package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// writeOptions writes records r<from>, ... with options.
func writeOptions(t *testing.T, name, options string, from, n int) string {
	t.Helper()
	w, err := arrayrecord.Create(context.Background(), name, arrayrecord.WithWriterOptions(options))
	require.NoError(t, err)
	for i := range n {
		require.NoError(t, w.Write([]byte(fmt.Sprintf("r%d", from+i))))
	}
	require.NoError(t, w.Close())
	return name
}

func names(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	require.NoError(t, err)
	return found
}

// Whatever files and groups there are, what is written has all records in order.
func TestMergeAndReshardKeepRecords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 40 {
		dir := t.TempDir()
		var args []string
		n := 0
		for i := range 1 + random.IntN(4) {
			records := random.IntN(40)
			options := fmt.Sprintf("group_size:%d,%s", 1+random.IntN(7), []string{"zstd:3", "uncompressed", "brotli:1", "transpose"}[random.IntN(4)])
			name := writeOptions(t, filepath.Join(dir, fmt.Sprintf("in%d", i)), options, n, records)
			if skip := random.IntN(5); skip < records && random.IntN(3) == 0 {
				// The next file goes on where a part of this one ends.
				args = append(args, fmt.Sprintf("%s[0:%d]", name, skip))
				n += skip
			} else {
				args = append(args, name)
				n += records
			}
		}
		want := lines(numbered(n)...)
		var flags []string
		if random.IntN(2) == 0 {
			flags = []string{"--options", fmt.Sprintf("group_size:%d,snappy", 1+random.IntN(7))}
		}
		out := filepath.Join(dir, "out.arrayrecord")
		ok(t, append(append([]string{"merge", "-o", out}, flags...), args...)...)
		require.Equal(t, want, ok(t, "cat", out), round)
		ok(t, append(append([]string{"merge", "--any-order", "-o", out + "2"}, flags...), args...)...)
		require.ElementsMatch(t, strings.Fields(want), strings.Fields(ok(t, "cat", out+"2")), round)
		shards := 1 + random.IntN(5)
		ok(t, append(append([]string{"reshard", "--shards", fmt.Sprint(shards), "-o", filepath.Join(dir, "re", "x")}, flags...), args...)...)
		require.Len(t, names(t, filepath.Join(dir, "re", "*")), shards)
		require.Equal(t, want, ok(t, "cat", filepath.Join(dir, "re")), round)
		ok(t, append(append([]string{"split", "--records", fmt.Sprint(1 + random.IntN(10)), "-o", filepath.Join(dir, "split", "x")}, flags...), args...)...)
		require.Equal(t, want, ok(t, "cat", filepath.Join(dir, "split")), round)
	}
}

// Chunks that stay the same are not compressed again: a codec nobody asked for stays.
func TestChunksAreCopied(t *testing.T) {
	dir := t.TempDir()
	brotli := writeOptions(t, filepath.Join(dir, "a.arrayrecord"), "group_size:4,brotli:5", 0, 8)
	zstd := writeOptions(t, filepath.Join(dir, "b.arrayrecord"), "group_size:4", 8, 6)
	out := filepath.Join(dir, "out.arrayrecord")
	codecOf := func(name string, chunk int) string {
		r, err := arrayrecord.Open(context.Background(), name)
		require.NoError(t, err)
		defer r.Close()
		h, err := newChunkHeaders(context.Background(), r)
		require.NoError(t, err)
		defer h.Close()
		header, err := h.read(context.Background(), chunk)
		require.NoError(t, err)
		return header.codec
	}
	ok(t, "merge", zstd+"[0:4]", brotli, "-o", out) // options of the first
	require.Equal(t, "zstd brotli brotli", codecOf(out, 0)+" "+codecOf(out, 1)+" "+codecOf(out, 2))
	ok(t, "merge", brotli, zstd, "-o", out, "--overwrite")
	require.Equal(t, "brotli zstd zstd", codecOf(out, 1)+" "+codecOf(out, 2)+" "+codecOf(out, 3))
	ok(t, "merge", brotli, zstd, "-o", out, "--overwrite", "--options", "snappy")
	require.Equal(t, "snappy snappy", codecOf(out, 1)+" "+codecOf(out, 3))
	ok(t, "reshard", brotli, zstd, "--shards", "2", "-o", filepath.Join(dir, "re"))
	require.Equal(t, "brotli zstd", codecOf(filepath.Join(dir, "re-00000-of-00002.arrayrecord"), 0)+" "+codecOf(filepath.Join(dir, "re-00001-of-00002.arrayrecord"), 1))

	ok(t, "recompress", brotli, zstd, "--options", "uncompressed,group_size:3", "-o", filepath.Join(dir, "raw")+"/")
	require.Equal(t, "uncompressed", codecOf(filepath.Join(dir, "raw", "a.arrayrecord"), 0))
	require.Equal(t, lines(numbered(14)...), ok(t, "cat", filepath.Join(dir, "raw")))
	require.Contains(t, ok(t, "info", filepath.Join(dir, "raw", "b.arrayrecord")), "group size 3")
}

func TestSplitBySize(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	w, err := arrayrecord.Create(context.Background(), name, arrayrecord.Uncompressed())
	require.NoError(t, err)
	for range 64 {
		require.NoError(t, w.Write(make([]byte, 32<<10)))
	}
	require.NoError(t, w.Close())
	ok(t, "split", name, "--size", "512K", "-o", filepath.Join(dir, "part", "p"))
	require.Len(t, names(t, filepath.Join(dir, "part", "*")), 5)
	require.Contains(t, ok(t, "diff", name, filepath.Join(dir, "part")), "equal")
}

func TestShuffle(t *testing.T) {
	dir := t.TempDir()
	name := writeOptions(t, filepath.Join(dir, "x.arrayrecord"), "group_size:50", 0, 3000)
	shuffled := func(out string, more ...string) []string {
		out = filepath.Join(dir, out)
		ok(t, append([]string{"shuffle", name, "-o", out + ".arrayrecord"}, more...)...)
		return strings.Fields(ok(t, "cat", out+"*"))
	}
	one := shuffled("one", "--seed", "1")
	require.NotEqual(t, numbered(3000), one)
	require.ElementsMatch(t, numbered(3000), one)
	// Little memory takes files of files, and gives the same order.
	require.Equal(t, one, shuffled("little", "--seed", "1", "--memory", "200"))
	require.NotEqual(t, one, shuffled("two", "--seed", "2"))
	require.ElementsMatch(t, one, shuffled("many", "--seed", "1", "--shards", "3"))
	require.Len(t, names(t, filepath.Join(dir, "many-*")), 3)
	// About half of the records of either half go to the other one.
	crossed := 0
	for _, r := range one[:1500] {
		if len(r) == 5 && r >= "r1500" {
			crossed++
		}
	}
	require.InDelta(t, 750, crossed, 150)
}

func TestFilter(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "threes.arrayrecord")
	ok(t, "filter", "^3$", "--field", "label", digits, "-o", out)
	require.Equal(t, ok(t, "grep", "^3$", "--field", "label", digits), ok(t, "cat", out))
	ok(t, "filter", "-v", "^3$", "--field", "label", digits, "-o", filepath.Join(dir, "rest"), "--shards", "2")
	require.Len(t, strings.Split(strings.TrimSpace(ok(t, "cat", filepath.Join(dir, "rest-*"))), "\n"), 179)
}

// Outputs are there completely or not at all, and nothing is replaced unless that is asked for.
func TestOutputsOfFailures(t *testing.T) {
	dir := t.TempDir()
	good := writeOptions(t, filepath.Join(dir, "good"), "group_size:2", 0, 50)
	bad := writeOptions(t, filepath.Join(dir, "bad"), "group_size:2", 0, 50)
	data, err := os.ReadFile(bad)
	require.NoError(t, err)
	data[70+24*45] ^= 1 // in a chunk towards the end
	require.NoError(t, os.WriteFile(bad, data, 0o666))
	out := filepath.Join(dir, "out", "x")
	for _, args := range [][]string{
		{"merge", good, bad, "-o", out}, {"reshard", good, bad, "--shards", "9", "-o", out}, {"split", good, bad, "--records", "7", "-o", out},
		{"recompress", good, bad, "--options", "snappy", "-o", filepath.Join(dir, "out") + "/"},
		{"shuffle", good, bad, "-o", out}, {"shuffle", good, bad, "-o", out, "--shards", "4"}, {"filter", "", good, bad, "-o", out},
	} {
		code, _, stderr := command(t, args...)
		require.Equal(t, exitFailed, code, args)
		require.Contains(t, stderr, bad, args)
		require.Empty(t, names(t, filepath.Join(dir, "out", "*")), args)
	}
	for _, args := range [][]string{
		{"merge", good, "-o", good}, {"filter", "", good, "-o", good}, {"shuffle", good, "-o", good},
	} {
		code, _, stderr := command(t, args...)
		require.Equal(t, exitFailed, code, args)
		require.Contains(t, stderr, "--overwrite replaces it", args)
		require.Equal(t, lines(numbered(50)...), ok(t, "cat", good))
	}
	// A file may replace itself.
	ok(t, "recompress", good, "--options", "snappy", "-o", good, "--overwrite")
	require.Equal(t, lines(numbered(50)...), ok(t, "cat", good))

	// Of what is there already nothing goes away when another file cannot be written.
	ok(t, "reshard", good, "--shards", "3", "-o", out)
	require.NoError(t, os.Remove(out+"-00000-of-00003.arrayrecord"))
	code, _, _ := command(t, "reshard", good, "--shards", "3", "-o", out)
	require.Equal(t, exitFailed, code)
	require.Len(t, names(t, out+"-*"), 2)
	// Files that are read and written at once would be read as what they have become.
	code, _, stderr := command(t, "reshard", filepath.Join(dir, "out"), good, "--shards", "3", "-o", out, "--overwrite")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "is read and written")
}

func TestWrongOutputs(t *testing.T) {
	for _, args := range [][]string{
		{"merge", digits}, {"merge", digits, "-o", "gs:/bucket/x"}, {"merge", "-o", "x"}, {"merge", digits, "-o", "x", "--options", "nonsense:1"},
		{"reshard", digits, "-o", "x"}, {"reshard", digits, "-o", "-", "--shards", "2"}, {"split", digits, "-o", "x"},
		{"split", digits, "-o", "x", "--records", "5", "--size", "5"}, {"split", digits, "-o", "x", "--size", "-5"},
		{"recompress", digits, digits, "-o", "x"}, {"recompress", digits, digits, "-o", "x/"}, {"filter", "", digits, "-o", "-", "--shards", "2"},
		{"shuffle", digits, "-o", "x", "--shards", "1001"}, {"shuffle", digits, "-o", "x", "--shards", "-1"},
	} {
		code, _, stderr := command(t, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, stderr)
	}
	require.NoFileExists(t, "x")
}

func TestStandardOutput(t *testing.T) {
	data := ok(t, "merge", digits, digits, "-o", "-")
	r, err := arrayrecord.NewReader(strings.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	defer r.Close()
	require.Equal(t, 400, r.NumRecords())
	require.NoError(t, err)
	var out, errOut bytes.Buffer
	require.Zero(t, run(context.Background(), []string{"filter", "^7$", "--field", "label", "-", "-o", "-"}, strings.NewReader(data), &out, &errOut), errOut.String())
}

func TestChangesInBuckets(t *testing.T) {
	dir := fakegcs.Dir(t)
	writeNamed(t, dir+"/in.arrayrecord", numbered(9)...)
	ok(t, "reshard", dir+"/in.arrayrecord", "--shards", "2", "-o", dir+"/re/x")
	require.Equal(t, lines(numbered(9)...), ok(t, "cat", dir+"/re/"))
	code, _, _ := command(t, "merge", dir+"/re/", "-o", dir+"/in.arrayrecord")
	require.Equal(t, exitFailed, code)
	ok(t, "shuffle", dir+"/re/", "--seed", "1", "-o", dir+"/s")
	found, err := storage.List(context.Background(), dir+"/**/*")
	require.NoError(t, err)
	require.Len(t, found, 4)
}

// The line fits whatever the width of the terminal is.
func TestProgressFits(t *testing.T) {
	p := (&app{err: os.Stderr}).newStatus("records", 1_000_000_000)
	for done := int64(0); done <= 1_000_000_000; done += 99_999_999 {
		for width := range 130 {
			require.LessOrEqual(t, utf8.RuneCountInString(p.line(time.Hour, width)), max(width-1, 0))
		}
		p.add(99_999_999)
	}
	require.Contains(t, p.line(time.Hour, 80), "%")
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "512K": 512 << 10, "1.5G": 3 << 29, "2MiB": 2 << 20, "7 kb": 7 << 10} {
		var b byteSize
		require.NoError(t, b.Set(text), text)
		require.Equal(t, want, int64(b), text)
	}
	for _, text := range []string{"", "K", "-1", "0", "x", "1e30", "1Q", "NaN", "99999P"} {
		require.Error(t, new(byteSize).Set(text), text)
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 20: "1.0 MiB", 1<<20 - 1: "1.0 MiB", 102399: "100 KiB", 1 << 62: "4.0 EiB"} {
		require.Equal(t, want, formatBytes(n))
	}
	require.Equal(t, "-1,234,567", formatCount(-1234567))
}
