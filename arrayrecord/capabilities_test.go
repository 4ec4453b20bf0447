package arrayrecord

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
)

// These tests run on cores of all capabilities: `make test-required-only` has one with none. What a
// core cannot do must be refused, and the rest of a test goes on without it.

// mappedToo gives options to open local files by: none, and mapped if the core can.
func mappedToo(t testing.TB) [][]ReaderOption {
	if core.Can(core.CanMap) {
		return [][]ReaderOption{nil, {WithMmap()}}
	}
	_, err := Open(context.Background(), "../testdata/digits-default.arrayrecord", WithMmap())
	require.ErrorIs(t, err, ErrUnsupported)
	return [][]ReaderOption{nil}
}

// MappedToo is mappedToo for tests outside of the package.
var MappedToo = mappedToo

// CannotReadBytes reports whether readers of anything but local files are refused.
func CannotReadBytes(t testing.TB) bool {
	if core.Can(core.CanReadBytes) {
		return false
	}
	data, err := os.ReadFile(filepath.Join("..", "testdata", "digits-default.arrayrecord"))
	require.NoError(t, err)
	_, err = NewReader(bytes.NewReader(data), int64(len(data)))
	require.ErrorIs(t, err, ErrUnsupported)
	return true
}

// CannotSurvey reports whether looking at damaged files is refused.
func CannotSurvey(t testing.TB) bool {
	if core.Can(core.CanSurvey) {
		return false
	}
	_, err := Verify(context.Background(), filepath.Join("..", "testdata", "digits-default.arrayrecord"), nil)
	require.ErrorIs(t, err, ErrUnsupported)
	return true
}

// CannotMetadata reports whether metadata is refused.
func CannotMetadata(t testing.TB) bool {
	if core.Can(core.CanMetadata) {
		return false
	}
	r, err := Open(context.Background(), filepath.Join("..", "testdata", "digits-default.arrayrecord"))
	require.NoError(t, err)
	defer r.Close()
	_, _, err = r.Metadata(context.Background())
	require.ErrorIs(t, err, ErrUnsupported)
	w, err := NewWriter(&bytes.Buffer{})
	require.NoError(t, err)
	defer w.Abort()
	require.ErrorIs(t, w.SetMetadata([]byte{0x0a, 0}), ErrUnsupported)
	return true
}

// CannotLimit reports whether limits other than the defaults are refused.
func CannotLimit(t testing.TB) bool {
	if core.Can(core.CanLimit) {
		return false
	}
	_, err := Open(context.Background(), "../testdata/digits-default.arrayrecord", ReaderOptions{MaxRecordSize: 1})
	require.ErrorIs(t, err, ErrUnsupported)
	return true
}

// KnowsChunks reports whether places and sizes of chunks are exact, not estimates.
func KnowsChunks() bool { return core.Can(core.CanTellChunks) }
