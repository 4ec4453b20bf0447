package storage_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/systrace"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// What TestMain does instead of running tests, and with which file.
const (
	uploadEnv = "STORAGE_TEST_UPLOAD"
	cleanEnv  = "STORAGE_TEST_CLEAN"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(uploadEnv); name != "" {
		os.Exit(uploadInChild(name))
	}
	if dir := os.Getenv(cleanEnv); dir != "" {
		if _, err := storage.RemoveStale(context.Background(), dir, storage.StaleOptions{}); err != nil {
			fmt.Println(err)
			os.Exit(uploadFailed)
		}
		os.Exit(uploadDone)
	}
	os.Exit(m.Run())
}

// Exit codes of uploadInChild.
const (
	uploadDone = iota
	createFailed
	uploadFailed
)

// uploadInChild writes "content" to a file as the name's query says.
func uploadInChild(name string) int {
	name, query, _ := strings.Cut(name, "?")
	opts := storage.CreateOptions{
		NoOverwrite: strings.Contains(query, "no-overwrite"),
		NoSync:      strings.Contains(query, "no-sync"),
	}
	if strings.Contains(query, "rename") {
		if err := storage.Rename(context.Background(), filepath.Join(filepath.Dir(name), "..", "..", "from"), name); err != nil {
			fmt.Println(err)
			return uploadFailed
		}
		return uploadDone
	}
	u, err := storage.Create(context.Background(), name, opts)
	if err != nil {
		fmt.Println(err)
		return createFailed
	}
	if strings.Contains(query, "drop") {
		u = nil
		return awaitEmptyDir(filepath.Dir(name))
	}
	if _, err = fmt.Fprint(u, "content"); err != nil {
		u.Abort()
	} else {
		err = u.Commit()
	}
	if err != nil {
		fmt.Println(err)
		return uploadFailed
	}
	return uploadDone
}

// awaitEmptyDir collects garbage until a directory is empty.
func awaitEmptyDir(dir string) int {
	for range 1000 {
		runtime.GC()
		entries, err := os.ReadDir(dir)
		if err == nil && len(entries) == 0 {
			return uploadDone
		}
		time.Sleep(10 * time.Millisecond)
	}
	return uploadFailed
}

// A scene is a file system and a task for an upload.
type scene struct {
	name    string
	query   string
	old     string                   // what has the name already, "" for nothing
	missing map[string]syscall.Errno // what the file system cannot do, by the calls' names
}

var (
	noUnnamed = map[string]syscall.Errno{"create-unnamed": syscall.EOPNOTSUPP}
	onlyLinks = map[string]syscall.Errno{"create-unnamed": syscall.EISDIR, "rename-exclusively": syscall.EINVAL}
)

var scenes = []scene{
	{name: "new"},
	{name: "new without unnamed files", missing: noUnnamed},
	{name: "replace", old: "the old one"},
	{name: "replace without unnamed files", old: "the old one", missing: noUnnamed},
	{name: "exclusive", query: "no-overwrite"},
	{name: "exclusive without unnamed files", query: "no-overwrite", missing: noUnnamed},
	{name: "exclusive by links", query: "no-overwrite", missing: onlyLinks},
}

// play runs an upload of DIR/a/b/out in a process of its own.
func (s scene) play(t *testing.T, dir string, on func(systrace.Call) systrace.Verdict) (code int, output string) {
	t.Helper()
	name := filepath.Join(dir, "a", "b", "out")
	if s.old != "" {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o777))
		require.NoError(t, os.WriteFile(name, []byte(s.old), 0o640))
		require.NoError(t, os.Chmod(name, 0o604)) // whatever the umask is
	}
	env := append(os.Environ(), uploadEnv+"="+name+"?"+s.query)
	code, out, err := systrace.Run(dir, []string{"/proc/self/exe"}, env, func(c systrace.Call) systrace.Verdict {
		if errno := s.missing[c.Name]; errno != 0 {
			return systrace.Verdict{Fail: errno}
		}
		return on(c)
	})
	require.NoError(t, err)
	return code, string(out)
}

// realDir is t.TempDir without symbolic links.
func realDir(t *testing.T) string {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	return dir
}

var randomPart = regexp.MustCompile(`\.arrayrecord-[A-Z2-7]{26}\.tmp`)

func TestLocalCommitSyncsFileThenDirectories(t *testing.T) {
	want := map[string]string{
		"new": `mkdir a, sync ., mkdir a/b, sync a,
			create-unnamed a/b, write (unnamed), sync (unnamed), link (unnamed) a/b/out, sync a/b`,
		"new without unnamed files": `mkdir a, sync ., mkdir a/b, sync a,
			create a/b/T, write a/b/T, sync a/b/T, rename a/b/T a/b/out, sync a/b`,
		"replace": `create-unnamed a/b, chmod (unnamed), write (unnamed), sync (unnamed),
			link (unnamed) a/b/out, link (unnamed) a/b/T, rename a/b/T a/b/out, sync a/b`,
		"replace without unnamed files": `create a/b/T, chmod a/b/T, write a/b/T, sync a/b/T, rename a/b/T a/b/out, sync a/b`,
		"exclusive": `mkdir a, sync ., mkdir a/b, sync a,
			create-unnamed a/b, write (unnamed), sync (unnamed), link (unnamed) a/b/out, sync a/b`,
		"exclusive without unnamed files": `mkdir a, sync ., mkdir a/b, sync a,
			create a/b/T, write a/b/T, sync a/b/T, rename-exclusively a/b/T a/b/out, sync a/b`,
		"exclusive by links": `mkdir a, sync ., mkdir a/b, sync a,
			create a/b/T, write a/b/T, sync a/b/T, link a/b/T a/b/out, unlink a/b/T, sync a/b`,
	}
	for _, s := range scenes {
		for _, query := range []string{"", ",no-sync"} {
			var calls []string
			record := func(c systrace.Call) systrace.Verdict {
				if c.Name != "close" && c.Name != "lock" && c.Name != "look" {
					calls = append(calls, randomPart.ReplaceAllString(c.String(), "T"))
				}
				return systrace.Verdict{}
			}
			variant := s
			variant.query += query
			dir := realDir(t)
			code, output := variant.play(t, dir, record)
			require.Equal(t, uploadDone, code, output)
			want := regexp.MustCompile(`\s*,\s*`).Split(want[s.name], -1)
			if query != "" {
				want = slices.DeleteFunc(want, func(c string) bool { return strings.HasPrefix(c, "sync ") })
			}
			assert.Equal(t, want, calls, s.name+query)
			if s.old != "" {
				fi, err := os.Stat(filepath.Join(dir, "a", "b", "out"))
				require.NoError(t, err)
				assert.Equal(t, fs.FileMode(0o604), fi.Mode(), s.name)
			}
		}
	}
}

// Whatever moment a process is killed at, there is nothing or everything under
// the name, and beside it at most one file, which RemoveStale finds.
func TestLocalUploadKilledAtEachStep(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for step := 0; ; step++ {
				dir := realDir(t)
				killed, n := "", 0
				code, output := s.play(t, dir, func(c systrace.Call) systrace.Verdict {
					n++
					if n == step+1 {
						killed = c.String()
					}
					return systrace.Verdict{Kill: n == step+1}
				})
				if killed == "" {
					require.Equal(t, uploadDone, code, output)
					assert.Greater(t, step, 8)
					return
				}
				require.Equal(t, -1, code, output)
				s.checkWreck(t, dir, "killed before "+killed)
			}
		})
	}
}

func (s scene) checkWreck(t *testing.T, dir, when string) {
	t.Helper()
	name := filepath.Join(dir, "a", "b", "out")
	content, err := os.ReadFile(name)
	if err != nil {
		require.ErrorIs(t, err, fs.ErrNotExist, when)
		assert.Empty(t, s.old, "%s the old file was lost", when)
	} else if string(content) != "content" {
		assert.Equal(t, s.old, string(content), when)
		assert.NotEmpty(t, s.old, when)
	}
	listed, err := storage.List(t.Context(), filepath.Join(dir, "**"))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(listed), 1, "temporary files are listed, %s", when)

	beside := 0
	for _, path := range files(t, dir) {
		if path != name {
			beside++
			assert.Regexp(t, randomPart, path, when)
		}
	}
	assert.LessOrEqual(t, beside, 1, when)
	spared, err := storage.RemoveStale(t.Context(), dir, storage.StaleOptions{OlderThan: time.Hour})
	require.NoError(t, err)
	assert.Empty(t, spared, when)
	removed, err := storage.RemoveStale(t.Context(), dir, storage.StaleOptions{})
	require.NoError(t, err)
	assert.Len(t, removed, beside, when)
	for _, path := range files(t, dir) {
		assert.Equal(t, name, path, when)
	}
	storagetest.Put(t, name, []byte("later"))
	assert.Equal(t, "later", string(storagetest.Get(t, name)), when)
}

// files are all files below dir, hidden ones too.
func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// A call that fails makes the upload fail, which then leaves nothing.
func TestLocalUploadEachCallFails(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for step := 0; ; step++ {
				dir := realDir(t)
				var failed systrace.Call
				n := 0
				code, output := s.play(t, dir, func(c systrace.Call) systrace.Verdict {
					if c.Name == "unlink" {
						return systrace.Verdict{} // of what use is it to clean up when that fails?
					}
					if n++; n != step+1 {
						return systrace.Verdict{}
					}
					failed = c
					return systrace.Verdict{Fail: syscall.EIO}
				})
				if failed.Name == "" {
					assert.Greater(t, step, 8)
					return
				}
				s.checkFailure(t, dir, failed, code, output)
			}
		})
	}
}

func (s scene) checkFailure(t *testing.T, dir string, failed systrace.Call, code int, output string) {
	t.Helper()
	when := "failed: " + failed.String()
	name := filepath.Join(dir, "a", "b", "out")
	want := s.old
	switch {
	case code == uploadDone:
		// There is another way without this; closing a whole file cannot fail.
		assert.Contains(t, []string{"create-unnamed", "close", "look"}, failed.Name, when)
		want = "content"
	case s.old != "" && failed.Name == "sync" && failed.Path == "a/b":
		want = "content" // as is documented
	}
	if code != uploadDone {
		assert.Contains(t, output, "input/output error", when)
		assert.Contains(t, output, name, when)
		assert.NotContains(t, output, ".tmp", when)
	}
	found := files(t, dir)
	if want == "" {
		assert.Empty(t, found, when)
		return
	}
	assert.Equal(t, []string{name}, found, when)
	content, err := os.ReadFile(name)
	require.NoError(t, err)
	assert.Equal(t, want, string(content), when)
}

func TestLocalDroppedUploadRemovesItsFile(t *testing.T) {
	created := false
	s := scene{query: "drop", missing: noUnnamed}
	code, output := s.play(t, realDir(t), func(c systrace.Call) systrace.Verdict {
		created = created || c.Name == "create"
		return systrace.Verdict{}
	})
	assert.True(t, created)
	assert.Equal(t, uploadDone, code, output)
}

// Cleaning, at whatever moment, does not harm a writer that is alive.
func TestRemoveStaleSparesWhatIsBeingWritten(t *testing.T) {
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for step := 0; ; step++ {
				dir := realDir(t)
				before, n := "", 0
				code, output := s.play(t, dir, func(c systrace.Call) systrace.Verdict {
					if n++; n == step+1 {
						before = c.String()
						removed, err := storage.RemoveStale(t.Context(), dir, storage.StaleOptions{})
						assert.NoError(t, err)
						if c.Name != "lock" { // then it has just been made, and is made again
							assert.Empty(t, removed, before)
						}
					}
					return systrace.Verdict{}
				})
				if before == "" {
					assert.Greater(t, step, 8)
					return
				}
				require.Equal(t, uploadDone, code, "cleaned before %s: %s", before, output)
				name := filepath.Join(dir, "a", "b", "out")
				assert.Equal(t, []string{name}, files(t, dir), before)
				assert.Equal(t, "content", string(storagetest.Get(t, name)), before)
			}
		})
	}
}

// A network file system tells when a file is closed what it could not write.
func TestLocalCloseFails(t *testing.T) {
	for _, s := range scenes {
		dir := realDir(t)
		failed := false
		code, output := s.play(t, dir, func(c systrace.Call) systrace.Verdict {
			if c.Name != "close" || failed || c.Path != systrace.Unnamed && !randomPart.MatchString(c.Path) {
				return systrace.Verdict{}
			}
			failed = true
			return systrace.Verdict{Fail: syscall.EIO}
		})
		assert.Equal(t, uploadFailed, code, s.name)
		assert.Contains(t, output, "input/output error", s.name)
		assert.Len(t, files(t, dir), len(s.old)/len("the old one"), s.name)
	}
}

// When the directory cannot be synced the name is taken back, but not from
// somebody who has published over it.
func TestLocalTakesBackOnlyItsOwn(t *testing.T) {
	dir := realDir(t)
	name := filepath.Join(dir, "a", "b", "out")
	linked := false
	code, _ := scenes[0].play(t, dir, func(c systrace.Call) systrace.Verdict {
		linked = linked || c.Name == "link"
		if !linked || c.Name != "sync" {
			return systrace.Verdict{}
		}
		storagetest.Put(t, name, []byte("of somebody else"))
		return systrace.Verdict{Fail: syscall.EIO}
	})
	assert.Equal(t, uploadFailed, code)
	assert.Equal(t, "of somebody else", string(storagetest.Get(t, name)))
}

func TestLocalKeepsPermissionsOfAFileThatCameMeanwhile(t *testing.T) {
	for _, s := range scenes[:2] {
		dir := realDir(t)
		name := filepath.Join(dir, "a", "b", "out")
		code, output := s.play(t, dir, func(c systrace.Call) systrace.Verdict {
			if c.Name == "write" {
				storagetest.Put(t, name, nil)
				require.NoError(t, os.Chmod(name, 0o604))
			}
			return systrace.Verdict{}
		})
		require.Equal(t, uploadDone, code, output)
		fi, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o604), fi.Mode(), s.name)
		assert.EqualValues(t, len("content"), fi.Size())
	}
}

// What cannot sync directories at all may still have files.
func TestLocalDirectoriesThatCannotBeSynced(t *testing.T) {
	dir := realDir(t)
	code, output := scenes[0].play(t, dir, func(c systrace.Call) systrace.Verdict {
		if c.Name == "sync" && c.Path != systrace.Unnamed {
			return systrace.Verdict{Fail: syscall.EINVAL}
		}
		return systrace.Verdict{}
	})
	assert.Equal(t, uploadDone, code, output)
}

// Without /proc a file without a name would never get one.
func TestLocalWithoutProc(t *testing.T) {
	dir := realDir(t)
	s := scene{missing: map[string]syscall.Errno{"look": syscall.ENOENT, "link": syscall.ENOENT}}
	code, output := s.play(t, dir, func(systrace.Call) systrace.Verdict { return systrace.Verdict{} })
	assert.Equal(t, uploadDone, code, output)
	assert.Len(t, files(t, dir), 1)
}

func TestLocalRenameSyncs(t *testing.T) {
	dir := realDir(t)
	storagetest.Put(t, filepath.Join(dir, "from"), []byte("x"))
	var calls []string
	code, output := scene{query: "rename"}.play(t, dir, func(c systrace.Call) systrace.Verdict {
		if c.Name != "close" {
			calls = append(calls, c.String())
		}
		return systrace.Verdict{}
	})
	require.Equal(t, uploadDone, code, output)
	assert.Equal(t, []string{"rename from a/b/out", "mkdir a", "sync .", "mkdir a/b", "sync a",
		"rename from a/b/out", "sync a/b"}, calls)
}

func TestLocalFullDisk(t *testing.T) {
	for _, call := range []string{"write", "sync", "link"} {
		dir := realDir(t)
		code, output := scenes[0].play(t, dir, func(c systrace.Call) systrace.Verdict {
			if c.Name == call && c.Path == systrace.Unnamed {
				return systrace.Verdict{Fail: syscall.ENOSPC}
			}
			return systrace.Verdict{}
		})
		assert.Equal(t, uploadFailed, code)
		assert.Contains(t, output, "/a/b/out: no space left on device", call)
		assert.Empty(t, files(t, dir), call)
	}
}

// Neither links nor exclusive renames: better no file than one that may
// replace another.
func TestLocalNoOverwriteWhereItCannotBe(t *testing.T) {
	s := scene{query: "no-overwrite", missing: map[string]syscall.Errno{
		"create-unnamed": syscall.EOPNOTSUPP, "rename-exclusively": syscall.EINVAL, "link": syscall.EPERM,
	}}
	dir := realDir(t)
	code, output := s.play(t, dir, func(systrace.Call) systrace.Verdict { return systrace.Verdict{} })
	assert.Equal(t, uploadFailed, code)
	assert.Contains(t, output, "unsupported operation")
	assert.Empty(t, files(t, dir))
}

// Without locks nobody can tell what is in use: nothing is removed.
func TestRemoveStaleWithoutLocks(t *testing.T) {
	missing := map[string]syscall.Errno{"create-unnamed": syscall.EOPNOTSUPP, "lock": syscall.ENOLCK}
	dir := realDir(t)
	code, output := scene{missing: missing}.play(t, dir, func(c systrace.Call) systrace.Verdict {
		return systrace.Verdict{Kill: c.Name == "sync" && randomPart.MatchString(c.Path)}
	})
	require.Equal(t, -1, code, output)
	require.Len(t, files(t, dir), 1)
	code, out, err := systrace.Run(dir, []string{"/proc/self/exe"}, append(os.Environ(), cleanEnv+"="+dir),
		func(c systrace.Call) systrace.Verdict { return systrace.Verdict{Fail: missing[c.Name]} })
	require.NoError(t, err)
	assert.Equal(t, uploadFailed, code)
	assert.Contains(t, string(out), "tell whether it is in use")
	assert.Len(t, files(t, dir), 1)
	removed, err := storage.RemoveStale(t.Context(), dir, storage.StaleOptions{})
	require.NoError(t, err)
	assert.Len(t, removed, 1)
}
