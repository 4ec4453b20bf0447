// Package storagetest holds the tests that every storage.System must pass, and
// a system that fails on demand.
package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// TestSystem runs the contract of storage.System as subtests. newDir makes a
// fresh, empty place and returns its name, scheme included; the tests reach it
// through the functions of package storage only.
func TestSystem(t *testing.T, newDir func(t *testing.T) string) {
	for name, fn := range map[string]func(*testing.T, string){
		"WriteThenRead":                testWriteThenRead,
		"EmptyObject":                  testEmptyObject,
		"ReadAtEnds":                   testReadAtEnds,
		"MissingIsNotExist":            testMissing,
		"InvisibleUntilCommit":         testInvisible,
		"AbortLeavesNothing":           testAbort,
		"FinishedUploadStaysFinished":  testFinished,
		"CommitReplaces":               testReplace,
		"NoOverwrite":                  testNoOverwrite,
		"NoOverwriteLosesRace":         testNoOverwriteRace,
		"OpenObjectSurvivesReplacing":  testSurvives,
		"CancelledUploadIsNotMade":     testCancelled,
		"CancelledCallsFail":           testCancelledCalls,
		"ListMatches":                  testList,
		"ListRejectsBadPattern":        testBadPattern,
		"Rename":                       testRename,
		"RemoveOne":                    testRemove,
		"RemoveAllTakesOnlyWhatIsSaid": testRemoveAll,
		"NothingWholeIsStale":          testNothingStale,
		"ConcurrentReads":              testConcurrentReads,
		"ConcurrentUploadsOfOneName":   testConcurrentUploads,
	} {
		t.Run(name, func(t *testing.T) { fn(t, newDir(t)) })
	}
}

// Put creates an object with that content.
func Put(t testing.TB, name string, content []byte) {
	t.Helper()
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write(content)
	require.NoError(t, err)
	require.NoError(t, u.Commit())
}

// Get returns an object's content.
func Get(t testing.TB, name string) []byte {
	t.Helper()
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	b := make([]byte, o.Size())
	n, err := o.ReadAt(t.Context(), b, 0)
	if err != io.EOF {
		require.NoError(t, err)
	}
	return b[:n]
}

func testWriteThenRead(t *testing.T, dir string) {
	name := storage.Join(dir, "sub", "deeper", "data.bin")
	content := bytes.Repeat([]byte("0123456789abcdef"), 10_000)
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	for part := range slices.Chunk(content, 33_333) {
		n, err := u.Write(part)
		require.NoError(t, err)
		require.Equal(t, len(part), n)
	}
	before := time.Now().Add(-time.Minute)
	require.NoError(t, u.Commit())

	info, err := storage.Stat(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, name, info.Name)
	assert.EqualValues(t, len(content), info.Size)
	assert.True(t, info.ModTime.After(before), "ModTime %v is not recent", info.ModTime)

	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	assert.Equal(t, name, o.Name())
	assert.EqualValues(t, len(content), o.Size())
	p := make([]byte, 1000)
	n, err := o.ReadAt(t.Context(), p, 77)
	require.NoError(t, err)
	assert.Equal(t, len(p), n)
	assert.Equal(t, content[77:1077], p)
	all, err := io.ReadAll(io.NewSectionReader(storage.NewReaderAt(t.Context(), o), 0, o.Size()))
	require.NoError(t, err)
	assert.True(t, bytes.Equal(content, all))
	require.NoError(t, o.Close())
	require.NoError(t, o.Close(), "closing again")
	_, err = o.ReadAt(t.Context(), p, 0)
	assert.ErrorIs(t, err, fs.ErrClosed)
}

func testEmptyObject(t *testing.T, dir string) {
	name := storage.Join(dir, "empty")
	Put(t, name, nil)
	info, err := storage.Stat(t.Context(), name)
	require.NoError(t, err)
	assert.Zero(t, info.Size)
	assert.Empty(t, Get(t, name))
}

func testReadAtEnds(t *testing.T, dir string) {
	name := storage.Join(dir, "ten")
	Put(t, name, []byte("0123456789"))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	p := make([]byte, 4)
	for _, c := range []struct {
		off  int64
		want string
		err  error
	}{{6, "6789", nil}, {7, "789", io.EOF}, {10, "", io.EOF}, {1000, "", io.EOF}} {
		n, err := o.ReadAt(t.Context(), p, c.off)
		if c.err == nil && err == io.EOF {
			err = nil // io.ReaderAt allows either for a read up to the very end
		}
		assert.Equal(t, c.err, err, "offset %d", c.off)
		assert.Equal(t, c.want, string(p[:n]), "offset %d", c.off)
	}
	_, err = o.ReadAt(t.Context(), p, -1)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, io.EOF)
}

func testMissing(t *testing.T, dir string) {
	name := storage.Join(dir, "missing-object")
	ctx := t.Context()
	_, openErr := storage.Open(ctx, name)
	_, statErr := storage.Stat(ctx, name)
	for op, err := range map[string]error{
		"Open":   openErr,
		"Stat":   statErr,
		"Remove": storage.Remove(ctx, name),
		"Rename": storage.Rename(ctx, name, storage.Join(dir, "other")),
	} {
		assert.ErrorIs(t, err, fs.ErrNotExist, op)
		assert.ErrorContains(t, err, "missing-object", op)
	}
	assert.NoError(t, storage.RemoveAll(ctx, name))
	infos, err := storage.List(ctx, storage.Join(dir, "missing-dir", "*"))
	assert.NoError(t, err)
	assert.Nil(t, infos)
}

func testInvisible(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	defer u.Abort()
	_, err = u.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	_, err = storage.Stat(t.Context(), name)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.Empty(t, names(t, dir, "**"))
	require.NoError(t, u.Commit())
	assert.Equal(t, []string{"out"}, names(t, dir, "**"))
}

func testAbort(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("gone"))
	require.NoError(t, err)
	require.NoError(t, u.Abort())
	require.NoError(t, u.Abort(), "again")
	assert.Empty(t, names(t, dir, "**"))
	assert.Empty(t, names(t, dir, ".*"))
	_, err = storage.Stat(t.Context(), name)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func testFinished(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("kept"))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	assert.ErrorIs(t, u.Commit(), fs.ErrClosed)
	assert.NoError(t, u.Abort(), "after Commit")
	assert.Equal(t, "kept", string(Get(t, name)))

	u, err = storage.Create(t.Context(), storage.Join(dir, "aborted"), storage.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, u.Abort())
	assert.ErrorIs(t, u.Commit(), fs.ErrClosed)
	assert.Equal(t, []string{"out"}, names(t, dir, "**"))
}

func testReplace(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	Put(t, name, []byte("a longer first content"))
	Put(t, name, []byte("second"))
	assert.Equal(t, "second", string(Get(t, name)))
}

func testNoOverwrite(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	once := storage.CreateOptions{NoOverwrite: true}
	u, err := storage.Create(t.Context(), name, once)
	require.NoError(t, err)
	_, err = u.Write([]byte("first"))
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	u, err = storage.Create(t.Context(), name, once)
	if err == nil { // may be noticed at once or at the end
		_, _ = u.Write([]byte("second"))
		err = u.Commit()
	}
	assert.ErrorIs(t, err, fs.ErrExist)
	assert.Equal(t, "first", string(Get(t, name)))
	assert.Empty(t, names(t, dir, ".*"))
}

func testNoOverwriteRace(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{NoOverwrite: true})
	require.NoError(t, err)
	_, err = u.Write([]byte("late"))
	require.NoError(t, err)
	Put(t, name, []byte("early"))
	assert.ErrorIs(t, u.Commit(), fs.ErrExist)
	assert.Equal(t, "early", string(Get(t, name)))
	assert.Empty(t, names(t, dir, ".*"))
}

func testSurvives(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	Put(t, name, []byte("old content"))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	Put(t, name, []byte("NEW"))
	p := make([]byte, 3)
	_, err = o.ReadAt(t.Context(), p, 4)
	require.NoError(t, err)
	assert.Equal(t, "con", string(p))
}

func testCancelled(t *testing.T, dir string) {
	name := storage.Join(dir, "out")
	ctx, cancel := context.WithCancel(t.Context())
	u, err := storage.Create(ctx, name, storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write([]byte("x"))
	require.NoError(t, err)
	cancel()
	assert.ErrorIs(t, u.Commit(), context.Canceled)
	assert.NoError(t, u.Abort())
	assert.Empty(t, names(t, dir, "**"))
	assert.Empty(t, names(t, dir, ".*"))
}

func testCancelledCalls(t *testing.T, dir string) {
	name := storage.Join(dir, "here")
	Put(t, name, []byte("x"))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, openErr := storage.Open(ctx, name)
	_, createErr := storage.Create(ctx, name, storage.CreateOptions{})
	_, statErr := storage.Stat(ctx, name)
	_, listErr := storage.List(ctx, storage.Join(dir, "*"))
	_, readErr := o.ReadAt(ctx, make([]byte, 1), 0)
	for op, err := range map[string]error{
		"Open": openErr, "Create": createErr, "Stat": statErr, "List": listErr, "ReadAt": readErr,
		"Rename":    storage.Rename(ctx, name, name+"2"),
		"Remove":    storage.Remove(ctx, name),
		"RemoveAll": storage.RemoveAll(ctx, name),
	} {
		assert.ErrorIs(t, err, context.Canceled, op)
	}
	assert.Equal(t, "x", string(Get(t, name)))
}

func testList(t *testing.T, dir string) {
	for _, n := range []string{
		"a-00000-of-00002", "a-00001-of-00002", "b.txt", ".hidden", "b[1].txt",
		"sub/a-1", "sub/.hidden/x", "sub/deep/a-2", "sub2/a-3", ".dot/a-4",
	} {
		Put(t, storage.Join(dir, n), []byte(n))
	}
	for pattern, want := range map[string][]string{
		"*":                 {"a-00000-of-00002", "a-00001-of-00002", "b.txt", "b[1].txt"},
		"a-*":               {"a-00000-of-00002", "a-00001-of-00002"},
		"a-?????-of-00002":  {"a-00000-of-00002", "a-00001-of-00002"},
		"a-0000[1-9]-of-*":  {"a-00001-of-00002"},
		"b.txt":             {"b.txt"},
		`b\[1\].txt`:        {"b[1].txt"},
		"missing":           nil,
		"sub":               nil,
		"sub/":              nil,
		"*/a-*":             {"sub/a-1", "sub2/a-3"},
		"sub*/a-[12]":       {"sub/a-1"},
		"**/a-?":            {"sub/a-1", "sub/deep/a-2", "sub2/a-3"},
		"sub/**":            {"sub/a-1", "sub/deep/a-2"},
		"sub/**/a-*":        {"sub/a-1", "sub/deep/a-2"},
		"**/**/a-2":         {"sub/deep/a-2"},
		".*":                {".hidden"},
		".d*/*":             {".dot/a-4"},
		"sub/.hidden/*":     {"sub/.hidden/x"},
		"b.txt/*":           nil,
		"nothing/**/at/all": nil,
	} {
		assert.Equal(t, want, names(t, dir, pattern), "pattern %s", pattern)
	}
	infos, err := storage.List(t.Context(), storage.Join(dir, "sub", "a-1"))
	require.NoError(t, err)
	require.Len(t, infos, 1)
	assert.EqualValues(t, len("sub/a-1"), infos[0].Size)
	assert.WithinDuration(t, time.Now(), infos[0].ModTime, time.Hour)
}

func testBadPattern(t *testing.T, dir string) {
	for _, pattern := range []string{"a[", "x/[a-", "[]a]"} {
		_, err := storage.List(t.Context(), storage.Join(dir, pattern))
		assert.ErrorContains(t, err, pattern)
	}
}

func testRename(t *testing.T, dir string) {
	from, to := storage.Join(dir, "tmp", "from"), storage.Join(dir, "new", "place", "to")
	Put(t, from, []byte("content"))
	require.NoError(t, storage.Rename(t.Context(), from, to))
	assert.Equal(t, "content", string(Get(t, to)))
	_, err := storage.Stat(t.Context(), from)
	assert.ErrorIs(t, err, fs.ErrNotExist)

	Put(t, from, []byte("replacement"))
	require.NoError(t, storage.Rename(t.Context(), from, to))
	assert.Equal(t, "replacement", string(Get(t, to)))

	// A failed rename leaves the target alone.
	assert.ErrorIs(t, storage.Rename(t.Context(), from, to), fs.ErrNotExist)
	assert.Equal(t, "replacement", string(Get(t, to)))
}

func testRemove(t *testing.T, dir string) {
	Put(t, storage.Join(dir, "sub", "a"), nil)
	Put(t, storage.Join(dir, "sub", "b"), nil)
	assert.Error(t, storage.Remove(t.Context(), storage.Join(dir, "sub")), "not an object")
	require.NoError(t, storage.Remove(t.Context(), storage.Join(dir, "sub", "a")))
	assert.Equal(t, []string{"sub/b"}, names(t, dir, "**"))
}

func testRemoveAll(t *testing.T, dir string) {
	for _, n := range []string{"tmp/a", "tmp/sub/b", "tmp/.hidden", "tmp-other/c", "tmp2"} {
		Put(t, storage.Join(dir, n), nil)
	}
	require.NoError(t, storage.RemoveAll(t.Context(), storage.Join(dir, "tmp")))
	assert.Equal(t, []string{"tmp-other/c", "tmp2"}, names(t, dir, "**"))
	_, err := storage.Stat(t.Context(), storage.Join(dir, "tmp", ".hidden"))
	assert.ErrorIs(t, err, fs.ErrNotExist)
	require.NoError(t, storage.RemoveAll(t.Context(), storage.Join(dir, "tmp2")))
	assert.Equal(t, []string{"tmp-other/c"}, names(t, dir, "**"))
}

func testNothingStale(t *testing.T, dir string) {
	for _, n := range []string{"a", "sub/b", ".hidden"} {
		Put(t, storage.Join(dir, n), []byte(n))
	}
	u, err := storage.Create(t.Context(), storage.Join(dir, "coming"), storage.CreateOptions{})
	require.NoError(t, err)
	for _, dryRun := range []bool{true, false} {
		found, err := storage.RemoveStale(t.Context(), dir, storage.StaleOptions{DryRun: dryRun})
		require.NoError(t, err)
		assert.Empty(t, found)
	}
	require.NoError(t, u.Commit())
	assert.Equal(t, []string{"a", "coming", "sub/b"}, names(t, dir, "**"))
	assert.Equal(t, ".hidden", string(Get(t, storage.Join(dir, ".hidden"))))
}

func testConcurrentReads(t *testing.T, dir string) {
	content := make([]byte, 1<<18)
	for i := range content {
		content[i] = byte(i >> 8)
	}
	name := storage.Join(dir, "shared")
	Put(t, name, content)
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			p := make([]byte, 1000)
			for i := range 50 {
				off := int64((g*7919 + i*104729) % (len(content) - len(p)))
				_, err := o.ReadAt(t.Context(), p, off)
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(content[off:off+1000], p), "offset %d", off)
			}
		})
	}
	wg.Wait()
}

func testConcurrentUploads(t *testing.T, dir string) {
	name := storage.Join(dir, "contended")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
			if !assert.NoError(t, err) {
				return
			}
			_, err = fmt.Fprint(u, strings.Repeat(fmt.Sprint(g), 5000))
			assert.NoError(t, err)
			assert.NoError(t, u.Commit())
		})
	}
	wg.Wait()
	got := string(Get(t, name))
	require.Len(t, got, 5000)
	assert.Equal(t, strings.Repeat(got[:1], 5000), got, "uploads were mixed")
	assert.Empty(t, names(t, dir, ".*"))
}

// names lists the objects that match a pattern below dir, relative to it.
func names(t *testing.T, dir, pattern string) []string {
	t.Helper()
	if !strings.HasSuffix(dir, "/") {
		dir += "/"
	}
	infos, err := storage.List(t.Context(), dir+pattern)
	require.NoError(t, err)
	var got []string
	for _, i := range infos {
		got = append(got, strings.TrimPrefix(i.Name, dir))
	}
	return got
}
