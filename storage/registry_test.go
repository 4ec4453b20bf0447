package storage_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestForDispatchesOnScheme(t *testing.T) {
	f := storagetest.NewFaults()
	s, err := storage.For(f.Name("/x"))
	require.NoError(t, err)
	assert.Same(t, f, s)
	here, err := storage.For("/some/path")
	require.NoError(t, err)
	for _, name := range []string{"", "relative", "a:b", "with space://x", "/a/b://c", "UPPER://x", "1a://x", "://x"} {
		s, err := storage.For(name)
		require.NoError(t, err, name)
		assert.Equal(t, here, s, name)
	}
}

func TestUnknownSchemeSaysWhatIsKnown(t *testing.T) {
	f := storagetest.NewFaults()
	ctx := t.Context()
	name := "nosuch://bucket/object"
	_, openErr := storage.Open(ctx, name)
	_, createErr := storage.Create(ctx, name, storage.CreateOptions{})
	_, listErr := storage.List(ctx, name)
	_, statErr := storage.Stat(ctx, name)
	for _, err := range []error{openErr, createErr, listErr, statErr,
		storage.Rename(ctx, name, name+"2"), storage.Remove(ctx, name), storage.RemoveAll(ctx, name)} {
		assert.ErrorIs(t, err, errors.ErrUnsupported)
		assert.ErrorContains(t, err, "nosuch://")
		assert.ErrorContains(t, err, f.Name(""))
	}
}

func TestRenameAcrossSchemesIsRefused(t *testing.T) {
	f := storagetest.NewFaults()
	dir := t.TempDir()
	storagetest.Put(t, dir+"/a", []byte("x"))
	assert.ErrorIs(t, storage.Rename(t.Context(), dir+"/a", f.Name(dir+"/b")), errors.ErrUnsupported)
	assert.Equal(t, "x", string(storagetest.Get(t, dir+"/a")))
}

func TestRegisterPanics(t *testing.T) {
	f := storagetest.NewFaults()
	scheme := storage.Scheme(f.Name("/x"))
	for _, bad := range []string{scheme, "", "Upper", "1x", "a/b", "a b"} {
		assert.Panics(t, func() { storage.Register(bad, f) }, bad)
	}
}

// once is a system that cannot create an object only if there is none.
type once struct{ storage.Local }

func init() {
	storage.RegisterFallback(func(scheme string) (storage.System, bool) { return once{}, scheme == "fallback" })
}

func (once) CheckNoOverwrite() error { return errors.ErrUnsupported }

func TestFallback(t *testing.T) {
	s, err := storage.For("fallback://x")
	require.NoError(t, err)
	require.Equal(t, once{}, s)
	_, err = storage.For("other://x")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	s, err = storage.For("/local")
	require.NoError(t, err)
	require.Equal(t, storage.Local{}, s)
	require.Panics(t, func() { storage.RegisterFallback(nil) })

	err = storage.CheckNoOverwrite("fallback://x")
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "create fallback://x: ")
	require.NoError(t, storage.CheckNoOverwrite("/local"))
	require.ErrorIs(t, storage.CheckNoOverwrite("other://x"), errors.ErrUnsupported)
}
