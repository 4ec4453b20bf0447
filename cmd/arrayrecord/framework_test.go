package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
)

// writeNamed writes a file of a name in groups of two.
func writeNamed(t *testing.T, name string, records ...string) {
	t.Helper()
	w, err := arrayrecord.Create(context.Background(), name, arrayrecord.WithGroupSize(2))
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write([]byte(record)))
	}
	require.NoError(t, w.Close())
}

// lines are records as cat prints them.
func lines(records ...string) string {
	if len(records) == 0 {
		return ""
	}
	return strings.Join(records, "\n") + "\n"
}

func TestFlagsMayStandAnywhere(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2", "r3")
	for _, args := range [][]string{
		{"get", name, "-1", "1:3", "-4:-2", "--format", "hex"},
		{"get", name, "--format", "hex", "-1", "1:3", "-4:-2"},
		{"get", "-f", "hex", name, "-1", "1:3", "-4:-2"},
		{"get", "-f=hex", name, "-1", "1:3", "-4:-2"},
		{"get", "-f", "hex", "--", name, "-1", "1:3", "-4:-2"},
	} {
		require.Equal(t, lines("7233", "7231", "7232", "7230", "7231"), ok(t, args...), args)
	}
	code, _, stderr := command(t, "get", name, "-5")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "record -5 of 4")
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	writeNamed(t, filepath.Join(dir, "a.arrayrecord"), "a0", "a1", "a2")
	writeNamed(t, filepath.Join(dir, "sub", "b.array_record-00000-of-00001"), "b0")
	writeNamed(t, filepath.Join(dir, "sub", "other"), "other")
	require.Equal(t, lines("a0", "a1", "a2", "b0"), ok(t, "cat", dir))
	require.Equal(t, lines("a0", "a1", "a2", "b0"), ok(t, "cat", dir+"/"))
	require.Equal(t, lines("a1", "b0"), ok(t, "cat", filepath.Join(dir, "a.arrayrecord[1:2]"), filepath.Join(dir, "*", "b*")))
	require.Equal(t, lines("b0"), ok(t, "get", dir, "-1"))
	require.Equal(t, lines("a0", "a1"), ok(t, "head", "-n", "2", dir))
	require.Equal(t, lines("a2", "b0"), ok(t, "tail", "-n2", dir))
	require.Equal(t, lines("a0", "a1", "a2", "b0"), ok(t, "tail", dir))
	require.Empty(t, ok(t, "head", "-n0", dir))

	code, _, stderr := command(t, "cat", t.TempDir())
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no record files in")
}

func TestDirectoryWithSpecialCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), `a[1]*?\`)
	writeNamed(t, filepath.Join(dir, "a.arrayrecord"), "a0")
	require.Equal(t, lines("a0"), ok(t, "cat", dir))
}

func TestStandardInput(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	for _, args := range [][]string{{"cat", "-"}, {"get", "-", "0:"}, {"head", "-"}} {
		var out, errOut bytes.Buffer
		require.Zero(t, run(context.Background(), args, bytes.NewReader(data), &out, &errOut), errOut.String())
		require.Equal(t, lines("r0", "r1", "r2"), out.String())
	}
	var out, errOut bytes.Buffer
	require.Zero(t, run(context.Background(), []string{"info", "-"}, file, &out, &errOut), errOut.String())
	require.Contains(t, out.String(), "standard input\n")
	require.Equal(t, exitFailed, run(context.Background(), []string{"info", "-"}, strings.NewReader("no such file"), &out, &errOut))
	require.Equal(t, "arrayrecord: standard input: this is a text file, not an ArrayRecord file; "+
		"'arrayrecord pack --from lines - -o FILE' makes one\n", errOut.String())
}

func TestBuckets(t *testing.T) {
	dir := fakegcs.Dir(t)
	writeNamed(t, dir+"/a.arrayrecord", "a0", "a1", "a2")
	writeNamed(t, dir+"/sub/b.arrayrecord", "b0")
	require.Equal(t, lines("a0", "a1", "a2", "b0"), ok(t, "cat", dir+"/"))
	require.Equal(t, lines("a0"), ok(t, "get", dir+"/*.arrayrecord", "0"))
	require.Contains(t, ok(t, "ls", dir+"/"), "total")
	require.Contains(t, ok(t, "info", dir+"/a.arrayrecord"), "records    3\n")
}

// A scheme that lost a slash is no directory.
func TestURLWithOneSlash(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, name := range []string{"gs:/bucket/x", "gs:bucket", "gs:"} {
		for _, args := range [][]string{{"cat", name}, {"info", name}, {"clean", name}} {
			code, _, stderr := command(t, args...)
			require.NotZero(t, code, args)
			require.Contains(t, stderr, "begins with gs://", args)
		}
	}
	writeNamed(t, "a:b", "r")
	require.Equal(t, lines("r"), ok(t, "cat", "a:b"))
}

func TestOtherKindsOfFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
		return name
	}
	tar := strings.Repeat("x", 257) + "ustar" + strings.Repeat("\x00", 300)
	for name, is := range map[string]string{
		filepath.Join("..", "..", "testdata", "digits-00000-of-00003.tfrecord"): "a TFRecord file",
		write("empty", ""):                        "an empty file",
		write("parquet", "PAR1\x15\x04"):          "a Parquet file",
		write("gzip", "\x1f\x8b\x08\x00"):         "a gzip file",
		write("jsonl", "{\"a\": 1}\n{\"a\": 2}"):  "a file of JSON lines",
		write("text", "Grüße,\n"):                 "a text file",
		write("tar", tar):                         "a tar archive",
		write("long", strings.Repeat("ü", 30000)): "a text file",
	} {
		for _, command1 := range []string{"cat", "info", "ls", "head"} {
			code, _, stderr := command(t, command1, name)
			require.Equal(t, exitFailed, code)
			require.Contains(t, stderr, "arrayrecord: "+name+": this is "+is+", not an ArrayRecord file")
		}
	}
	code, _, stderr := command(t, "cat", write("binary", "\x00\x01\x02\x03"))
	require.Equal(t, exitFailed, code)
	require.Equal(t, 1, strings.Count(stderr, "rrayrecord:"), stderr)
}

func TestErrorsDoNotStutter(t *testing.T) {
	name := writeFile(t, "r")
	for _, args := range [][]string{{"cat", name + "-no"}, {"get", name, "9"}, {"info", name + "-no", name + "-nope"}, {"cat", name + "-*"}} {
		_, _, stderr := command(t, args...)
		for line := range strings.Lines(stderr) {
			require.Equal(t, 1, strings.Count(line, "arrayrecord: "), line)
		}
	}
}

func TestTyposAreAnswered(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{`is it "info"?`, []string{"inof", digits}},
		{`is it --format?`, []string{"get", digits, "0", "--fromat", "hex"}},
		{"hex", []string{"get", digits, "0", "--format", "hexx"}},
	} {
		code, _, stderr := command(t, c.args...)
		require.Equal(t, exitUsage, code)
		require.Contains(t, stderr, c.want)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		require.Contains(t, ok(t, "completion", shell), "arrayrecord")
	}
	_, stdout, _ := command(t, "__complete", "get", digits, "--format", "")
	require.Contains(t, stdout, "hex\n")
	_, stdout, _ = command(t, "__complete", "in")
	require.Contains(t, stdout, "info")
}

func TestManPages(t *testing.T) {
	dir := t.TempDir()
	ok(t, "man", dir)
	page, err := os.ReadFile(filepath.Join(dir, "arrayrecord-info.1"))
	require.NoError(t, err)
	require.Contains(t, string(page), "arrayrecord info")
}

func TestVersion(t *testing.T) {
	require.Equal(t, ok(t, "version"), ok(t, "--version"))
	require.Regexp(t, `^arrayrecord .+ \(go`, ok(t, "version"))
}

// Every command has examples, and they use flags that it has.
func TestExamplesAreRight(t *testing.T) {
	root := newRoot(&app{screen: screen{width: 80}})
	for _, cmd := range root.Commands() {
		if cmd.Name() == "version" {
			continue
		}
		require.NotEmpty(t, cmd.Example, cmd.Name())
		for line := range strings.Lines(cmd.Example) {
			require.LessOrEqual(t, len(line), 90, line)
			_, line, _ = strings.Cut(line, "arrayrecord "+cmd.Name())
			line, _, _ = strings.Cut(line, " | ")
			for _, word := range strings.Fields(line) {
				if name, found := strings.CutPrefix(word, "--"); found && name != "" {
					name, _, _ = strings.Cut(name, "=")
					require.NotNil(t, cmd.Flags().Lookup(name), "%s: --%s", cmd.Name(), name)
				}
			}
		}
	}
}

func TestInterruptedIsItsOwnExitCode(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errOut bytes.Buffer
	require.Equal(t, exitInterrupted, run(ctx, []string{"cat", digits}, strings.NewReader(""), &out, &errOut), errOut.String())
	require.Equal(t, "arrayrecord: interrupted\n", errOut.String())
}

// The page about the command line names every command, every kind that pack reads, every exit code.
func TestThePageIsComplete(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	require.NoError(t, err)
	for _, cmd := range newRoot(&app{screen: screen{width: 80}}).Commands() {
		if cmd.Name() != "version" && cmd.Name() != "help" {
			require.Contains(t, string(data), "`"+cmd.Name(), cmd.Name())
		}
	}
	for kind := range packers {
		require.Contains(t, string(data), "| `"+kind+"` |")
	}
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitNo, exitInterrupted} {
		require.Contains(t, string(data), fmt.Sprintf("| %d |", code))
	}
}
