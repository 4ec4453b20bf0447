package readahead

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// create makes an object of size bytes which is not a local file, and one that
// is.
func create(t *testing.T, size int) (content []byte, remote, local storage.Object, faults *storagetest.Faults) {
	t.Helper()
	content = make([]byte, size)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(content)
	faults = storagetest.NewFaults()
	path := filepath.Join(t.TempDir(), "x")
	storagetest.Put(t, path, content)
	open := func(name string) storage.Object {
		o, err := storage.Open(t.Context(), name)
		require.NoError(t, err)
		t.Cleanup(func() { o.Close() })
		return o
	}
	return content, open(faults.Name(path)), open(path), faults
}

func TestReadsExactlyTheRange(t *testing.T) {
	const size = 7*blockSize + 12345
	content, remote, local, _ := create(t, size)
	for _, o := range []storage.Object{remote, local} {
		for _, c := range [][2]int64{
			{0, size}, {0, 0}, {size, size}, {size - 1, size}, {0, 1}, {17, 17 + blockSize}, {blockSize - 1, 6*blockSize + 1}, {5, 5},
		} {
			r := NewReader(t.Context(), o, c[0], c[1])
			got, err := io.ReadAll(r)
			require.NoError(t, err)
			require.True(t, bytes.Equal(content[c[0]:c[1]], got), c)
			require.NoError(t, r.Close())
		}
	}
	r := NewReader(t.Context(), remote, 0, 100_000)
	require.NoError(t, iotest.TestReader(r, content[:100_000]))
	require.NoError(t, r.Close())
}

func TestErrorComesAfterWhatIsBeforeIt(t *testing.T) {
	content, o, _, faults := create(t, 3*blockSize)
	injected := errors.New("injected")
	// Blocks are read in any order: fail the read of the last.
	o = failAt{o, 2 * blockSize, injected}
	r := NewReader(t.Context(), o, 0, o.Size())
	got, err := io.ReadAll(r)
	require.ErrorIs(t, err, injected)
	require.True(t, bytes.Equal(content[:2*blockSize], got))
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, injected)
	require.NoError(t, r.Close())

	faults.Inject(storagetest.Fault{Op: storagetest.OpRead, Err: injected})
	r = NewReader(t.Context(), o, 0, o.Size())
	_, err = r.Read(make([]byte, 1))
	require.ErrorIs(t, err, injected)
	require.NoError(t, r.Close())
}

// failAt fails reads at one position.
type failAt struct {
	storage.Object
	off int64
	err error
}

func (f failAt) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if off == f.off {
		return 0, f.err
	}
	return f.Object.ReadAt(ctx, p, off)
}

func TestObjectThatIsShorterThanItSaid(t *testing.T) {
	_, o, _, _ := create(t, 1000)
	r := NewReader(t.Context(), o, 0, 1001)
	_, err := io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, o.Name()+": 1000 of 1001 bytes at 0")
	require.NoError(t, r.Close())
}

// blocking never finishes a read before its context ends.
type blocking struct {
	storage.Object
	mu     sync.Mutex
	active int
	peak   int
}

func (b *blocking) ReadAt(ctx context.Context, _ []byte, _ int64) (int, error) {
	b.mu.Lock()
	b.active++
	b.peak = max(b.peak, b.active)
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	b.active--
	b.mu.Unlock()
	return 0, ctx.Err()
}

func TestContextEndsReads(t *testing.T) {
	_, o, _, _ := create(t, 6*blockSize)
	b := &blocking{Object: o}
	reason := errors.New("no longer wanted")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(reason) })
	r := NewReader(ctx, b, 0, o.Size())
	_, err := r.Read(make([]byte, 1))
	require.Error(t, err)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, reason)
	require.NoError(t, r.Close())
	require.Zero(t, b.active, "Close left reads behind")
	require.Equal(t, blocksAhead, b.peak)
}

func TestCloseEndsReads(t *testing.T) {
	content, o, _, _ := create(t, 6*blockSize)
	r := NewReader(t.Context(), o, 0, o.Size())
	p := make([]byte, 10)
	_, err := io.ReadFull(r, p)
	require.NoError(t, err)
	require.Equal(t, content[:10], p)
	require.NoError(t, r.Close())
	require.NoError(t, r.Close())
	_, err = r.Read(p)
	require.ErrorContains(t, err, "closed")
}

// The memory is that of the blocks under way, whatever the size.
func TestMemoryIsBounded(t *testing.T) {
	_, o, _, _ := create(t, 40*blockSize)
	buf := make([]byte, 64<<10)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := NewReader(t.Context(), o, 0, o.Size())
	defer r.Close()
	for {
		_, err := r.Read(buf)
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64((blocksAhead+2)*blockSize))
}
