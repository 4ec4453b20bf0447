package arrayrecord

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
)

// A file that becomes shorter under a reader must give errors, not end the process.
func TestMappedFileThatBecomesShorter(t *testing.T) {
	if len(mappedToo(t)) == 1 {
		return
	}
	for _, options := range []WriterOption{Uncompressed(), WithGroupSize(50), Zstd(3)} {
		name, want := writeNumbered(t, 20_000, 400, options)
		r, err := Open(context.Background(), name, WithMmap(), WithReaderOptions("max_parallelism:2"))
		require.NoError(t, err)
		all, err := recordtest.All(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, want, all)
		require.NoError(t, os.Truncate(name, 64<<10))
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for i := 19_000; i < 19_100; i++ {
					if _, err := r.Get(context.Background(), i); !errors.Is(err, ErrCorrupt) {
						t.Errorf("record %d: %v", i, err)
					}
				}
				if _, err := r.ReadIndices(context.Background(), []int{3, 19_999}); !errors.Is(err, ErrCorrupt) {
					t.Error(err)
				}
				n := 0
				var err error
				for _, err = range r.Scan(context.Background(), 0, r.NumRecords()) {
					n++
				}
				if !errors.Is(err, ErrCorrupt) || n == 0 {
					t.Error(n, err)
				}
			})
		}
		group.Wait()
		require.NoError(t, r.Close())
	}
	busErrorsOfOthersStillPanic(t)
}

// busErrorsOfOthersStillPanic makes such a signal in Go code, where the runtime turns it into a panic.
func busErrorsOfOthersStillPanic(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, f.Truncate(4096))
	mapped, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	require.NoError(t, err)
	defer syscall.Munmap(mapped)
	require.NoError(t, f.Truncate(0))
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	require.Panics(t, func() { t.Log(mapped[100]) })
}
