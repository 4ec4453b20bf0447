package arrayrecord

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/systrace"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

const writeEnv = "ARRAYRECORD_TEST_WRITE"

// This program writes a file instead of running tests if the variable has its name.
func init() {
	if name := os.Getenv(writeEnv); name != "" {
		if err := writeInChild(name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func crashRecord(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 100_000) }

const crashRecords = 30

func writeInChild(name string) error {
	name, query, _ := strings.Cut(name, "?")
	options := []WriterOption{Uncompressed()}
	if query == "no-sync" {
		options = append(options, WriterOptions{NoSync: true})
	}
	w, err := Create(context.Background(), name, options...)
	if err != nil {
		return err
	}
	for i := range crashRecords {
		if err := w.Write(crashRecord(i)); err != nil {
			return w.Close()
		}
	}
	if query != "drop" {
		return w.Close()
	}
	w = nil
	for range 1000 {
		runtime.GC()
		if entries, err := os.ReadDir(filepath.Dir(name)); err == nil && len(entries) == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("the temporary file stays")
}

func runWriter(t *testing.T, dir, query string, on func(systrace.Call) systrace.Verdict) (code int, output string) {
	t.Helper()
	env := append(os.Environ(), writeEnv+"="+filepath.Join(dir, "out")+"?"+query)
	code, out, err := systrace.Run(dir, []string{"/proc/self/exe"}, env, on)
	require.NoError(t, err)
	return code, string(out)
}

func realDir(t *testing.T) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

// withoutUnnamed is a file system where files must have names.
func withoutUnnamed(on func(systrace.Call) systrace.Verdict) func(systrace.Call) systrace.Verdict {
	return func(c systrace.Call) systrace.Verdict {
		if c.Name == "create-unnamed" {
			return systrace.Verdict{Fail: syscall.EOPNOTSUPP}
		}
		return on(c)
	}
}

func TestCloseSyncs(t *testing.T) {
	for query, want := range map[string]string{
		"":        "create-unnamed . | write (unnamed) | sync (unnamed) | link (unnamed) out | sync .",
		"no-sync": "create-unnamed . | write (unnamed) | link (unnamed) out",
	} {
		var calls []string
		code, output := runWriter(t, realDir(t), query, func(c systrace.Call) systrace.Verdict {
			if c.Name != "lock" && c.Name != "close" && c.Name != "look" && (len(calls) == 0 || calls[len(calls)-1] != c.String()) {
				calls = append(calls, c.String())
			}
			return systrace.Verdict{}
		})
		require.Zero(t, code, output)
		require.Equal(t, want, strings.Join(calls, " | "), query)
	}
}

func TestDroppedWriterRemovesItsFile(t *testing.T) {
	created := false
	code, output := runWriter(t, realDir(t), "drop", withoutUnnamed(func(c systrace.Call) systrace.Verdict {
		created = created || c.Name == "create"
		return systrace.Verdict{}
	}))
	require.Zero(t, code, output)
	require.True(t, created)
}

// A killed writer leaves nothing or a whole file, and what else it leaves is known and removed.
func TestWriterKilledAtEachStep(t *testing.T) {
	kinds := []func(func(systrace.Call) systrace.Verdict) func(systrace.Call) systrace.Verdict{
		func(on func(systrace.Call) systrace.Verdict) func(systrace.Call) systrace.Verdict { return on },
		withoutUnnamed,
	}
	for k, kind := range kinds {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			t.Parallel()
			for step := 0; ; step++ {
				dir := realDir(t)
				killed, n := "", 0
				code, output := runWriter(t, dir, "", kind(func(c systrace.Call) systrace.Verdict {
					if n++; n == step+1 {
						killed = c.String()
					}
					return systrace.Verdict{Kill: n == step+1}
				}))
				if killed == "" {
					require.Zero(t, code, output)
					require.Greater(t, step, 5)
					return
				}
				require.Equal(t, -1, code, output)
				requireWhole(t, filepath.Join(dir, "out"), killed)
				_, err := storage.RemoveStale(t.Context(), dir, storage.StaleOptions{})
				require.NoError(t, err)
				left, err := filepath.Glob(filepath.Join(dir, ".*"))
				require.NoError(t, err)
				require.Empty(t, left, killed)
			}
		})
	}
}

// requireWhole checks a file, if there is one.
func requireWhole(t *testing.T, name, when string) {
	t.Helper()
	r, err := Open(t.Context(), name)
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist, when)
		return
	}
	defer r.Close()
	require.Equal(t, crashRecords, r.NumRecords(), when)
	for i := range crashRecords {
		got, err := r.Get(t.Context(), i)
		require.NoError(t, err, when)
		require.Equal(t, crashRecord(i), got, when)
	}
}

func TestFullDiskLeavesNothing(t *testing.T) {
	for _, call := range []string{"write", "sync", "link"} {
		dir := realDir(t)
		code, output := runWriter(t, dir, "", func(c systrace.Call) systrace.Verdict {
			if c.Name == call && c.Path == systrace.Unnamed {
				return systrace.Verdict{Fail: syscall.ENOSPC}
			}
			return systrace.Verdict{}
		})
		require.Equal(t, 1, code)
		require.Contains(t, output, "no space left on device", call)
		require.Equal(t, 1, strings.Count(output, filepath.Join(dir, "out")), output)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries)
	}
}
