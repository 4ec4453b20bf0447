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
	"golang.org/x/sys/unix"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
)

// large is a directory in a bucket with one file of more than may be read without asking.
func large(t *testing.T) (dir, name string) {
	dir = fakegcs.Dir(t)
	name = dir + "/large.arrayrecord"
	w, err := arrayrecord.Create(context.Background(), name, arrayrecord.Uncompressed())
	require.NoError(t, err)
	record := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
	for range freeScan/len(record) + 1 {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	return dir, name
}

// Without a terminal nobody can be asked.
func TestWholeObjectsOfBucketsWantYes(t *testing.T) {
	dir, name := large(t)
	out := filepath.Join(t.TempDir(), "out.arrayrecord")
	commands := [][]string{
		{"cat", name}, {"grep", "x", dir + "/"}, {"stats", name}, {"diff", name, name}, {"unpack", name, "--to", "lines", "-o", out},
		{"merge", name, "-o", out}, {"split", name, "--records", "9", "-o", out}, {"reshard", name, "--shards", "2", "-o", out},
		{"recompress", name, "--options", "zstd", "-o", out}, {"shuffle", name, "-o", out}, {"filter", "x", name, "-o", out},
		{"pack", "--from", "lines", name, "-o", out},
	}
	for _, args := range commands {
		code, stdout, stderr := command(t, args...)
		require.Equal(t, exitUsage, code, args)
		require.Contains(t, stderr, " in a bucket; --yes allows it\n", args)
		require.Empty(t, stdout, args)
	}
	require.NoFileExists(t, out)
	require.Len(t, ok(t, "grep", "-c", "--yes", "x", name+"[0:1]", "-v"), 2) // "1\n"
	require.Equal(t, 1<<16, strings.Count(ok(t, "cat", "--format", "raw", name+"[7:8]"), "\n"), "a part may be read")
	ok(t, "merge", "-y", name, "-o", out)
	require.Equal(t, "A has 65 records, B 65: equal\n", ok(t, "diff", "--yes", name, out))
}

// ask runs a command at a terminal whose user answers; it returns what the terminal showed.
func ask(t *testing.T, answer string, args ...string) (code int, stdout, shown string) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	require.NoError(t, err)
	defer keyboard.Close()
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	_, err = keyboard.WriteString(answer)
	require.NoError(t, err)
	var out bytes.Buffer
	code = run(context.Background(), args, terminal, &out, terminal)
	require.NoError(t, terminal.Close())
	buffer := make([]byte, 4096)
	for err == nil {
		var n int
		n, err = keyboard.Read(buffer)
		shown += string(buffer[:n])
	}
	return code, out.String(), shown
}

func TestWholeObjectsOfBucketsAreAskedFor(t *testing.T) {
	_, name := large(t)
	for _, no := range []string{"n\n", "\n", "nay\n", "\x04"} {
		code, stdout, shown := ask(t, no, "cat", name)
		require.Equal(t, exitFailed, code)
		require.Empty(t, stdout)
		require.Contains(t, shown, "this reads 65.")
		require.Contains(t, shown, "from 1 object in a bucket. Go on? [y/N] ")
		require.Contains(t, shown, "nothing read")
	}
	code, stdout, shown := ask(t, "Yes\n", "grep", "-c", "^0", name)
	require.Zero(t, code, shown)
	require.Equal(t, "65\n", stdout)
}
