package gcs_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

var passing = map[string]fault{"503": status(http.StatusServiceUnavailable), "lost answer": lose}

func TestRenameSurvivesFaults(t *testing.T) {
	useClient(t)
	for name, f := range passing {
		for _, kind := range []op{opAttrs, opCopy, opDelete} {
			t.Run(fmt.Sprint(name, " of ", kind), func(t *testing.T) {
				from, to := place(t, plain)+"/from", place(t, versioned)+"/to"
				storagetest.Put(t, from, []byte("moved"))
				service.inject(t, kind, "", 0, 2, f)
				require.NoError(t, storage.Rename(t.Context(), from, to))
				service.heal()
				assert.Equal(t, "moved", string(storagetest.Get(t, to)))
				_, err := storage.Stat(t.Context(), from)
				assert.ErrorIs(t, err, fs.ErrNotExist)
			})
		}
	}
}

func TestInterruptedRenameIsFinishedByAnother(t *testing.T) {
	from, to := place(t, plain)+"/from", place(t, plain)+"/to"
	storagetest.Put(t, from, []byte("moved"))
	service.inject(t, opDelete, "", 0, 0, status(http.StatusForbidden))
	err := storage.Rename(t.Context(), from, to)
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, from)
	assert.ErrorContains(t, err, to)
	service.heal()
	assert.Equal(t, "moved", string(storagetest.Get(t, from)))
	require.NoError(t, storage.Rename(t.Context(), from, to))
	assert.Equal(t, "moved", string(storagetest.Get(t, to)))
	_, err = storage.Stat(t.Context(), from)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestRenameToItselfKeepsTheObject(t *testing.T) {
	name := place(t, plain) + "/self"
	storagetest.Put(t, name, []byte("kept"))
	require.NoError(t, storage.Rename(t.Context(), name, name))
	assert.Equal(t, "kept", string(storagetest.Get(t, name)))
	assert.ErrorIs(t, storage.Rename(t.Context(), name+"2", name+"2"), fs.ErrNotExist)
}

// The fake ignores preconditions of deletions: what the service would answer
// is put in its place.
func TestRenameSparesANewSource(t *testing.T) {
	from, to := place(t, plain)+"/from", place(t, plain)+"/to"
	storagetest.Put(t, from, []byte("old"))
	var conditions []string
	service.inject(t, opDelete, "", 0, 0, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		conditions = append(conditions, r.URL.Query().Get("ifGenerationMatch"))
		status(http.StatusPreconditionFailed)(w, r, next)
	})
	require.NoError(t, storage.Rename(t.Context(), from, to))
	require.Len(t, conditions, 1)
	assert.NotEmpty(t, conditions[0])
	assert.Equal(t, "old", string(storagetest.Get(t, to)))
}

func TestRemoveSurvivesFaults(t *testing.T) {
	useClient(t)
	for name, f := range passing {
		t.Run(name, func(t *testing.T) {
			dir := place(t, plain)
			storagetest.Put(t, dir+"/one", nil)
			service.inject(t, opDelete, "", 0, 1, f)
			require.NoError(t, storage.Remove(t.Context(), dir+"/one"))
			assert.ErrorIs(t, storage.Remove(t.Context(), dir+"/one"), fs.ErrNotExist)
			for i := range 50 {
				storagetest.Put(t, fmt.Sprintf("%s/all/%d", dir, i), nil)
			}
			storagetest.Put(t, dir+"/allies", nil)
			service.inject(t, opDelete, "all", 3, 5, f)
			service.inject(t, opList, "", 0, 1, status(http.StatusServiceUnavailable))
			require.NoError(t, storage.RemoveAll(t.Context(), dir+"/all/"))
			infos, err := storage.List(t.Context(), dir+"/**")
			require.NoError(t, err)
			require.Len(t, infos, 1)
			assert.Equal(t, dir+"/allies", infos[0].Name)
		})
	}
}

func TestRemoveAllReportsWhatItCouldNotRemove(t *testing.T) {
	dir := place(t, plain)
	for _, n := range []string{"a", "b", "c"} {
		storagetest.Put(t, dir+"/"+n, nil)
	}
	service.inject(t, opDelete, "b", 0, 0, status(http.StatusForbidden))
	err := storage.RemoveAll(t.Context(), dir)
	assert.ErrorIs(t, err, fs.ErrPermission)
	assert.ErrorContains(t, err, dir)
	service.heal()
	service.inject(t, opList, "", 0, 0, status(http.StatusForbidden))
	assert.ErrorIs(t, storage.RemoveAll(t.Context(), dir), fs.ErrPermission)
}

func TestRemoveAllRefusesBuckets(t *testing.T) {
	storagetest.Put(t, place(t, plain)+"/x", nil)
	n := service.counted(func() {
		for _, name := range []string{"gs://" + plain, "gs://" + plain + "/", "gs://" + plain + "//", "gs://"} {
			assert.ErrorIs(t, storage.RemoveAll(t.Context(), name), fs.ErrInvalid, name)
		}
	})
	assert.Empty(t, n)
}

func TestRemoveAllWorksInParallel(t *testing.T) {
	dir := place(t, plain)
	for i := range 100 {
		storagetest.Put(t, fmt.Sprintf("%s/%d", dir, i), nil)
	}
	service.setLatency(t, 5*time.Millisecond)
	n := service.counted(func() { require.NoError(t, storage.RemoveAll(t.Context(), dir)) })
	assert.Equal(t, map[op]int{opList: 1, opDelete: 101}, n)
	assert.Greater(t, service.peak, 4)
	assert.LessOrEqual(t, service.peak, 17)
}
