// Package beamfs lets package storage reach the file systems of Beam's Go SDK,
// for schemes that nothing else serves:
//
//	import (
//		_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/s3"
//		_ "github.com/arrayrecord/arrayrecord-go/storage/beamfs"
//	)
//
// makes s3://bucket/name a name for all that this module reads and writes. What
// Beam's interface lacks is made up for, or refused:
//
//   - It reads from front to back only. An object that is read is copied to a file
//     without a name in the directory for temporary files (TMPDIR), from its
//     beginning as far as it is asked for: of an ArrayRecord that is all of it.
//     Each reader of a part of a file makes a copy, so that ranges should be long
//     (WithSplitSize).
//   - It cannot give up a file that is being written. An upload is a file without
//     a name in that directory too, until Commit copies it. Where the file system
//     can rename, the copy has a hidden name, .arrayrecord-*.tmp, until it is
//     complete; a program that is killed in the middle leaves that, and nothing
//     here removes it. Where it cannot, a file is taken to appear when it is
//     closed, as in object stores.
//   - It cannot create a file only if there is none, which is how a set of shards
//     is decided once; see [AssumeOneProcess]. Commits with
//     storage.CreateOptions.NoOverwrite fail with errors.ErrUnsupported, before
//     anything is written. Reading, and writing whole files that may be replaced,
//     work.
//   - It lists one level of directories at a time: "**" stands for at most
//     [MaxDepth] of them.
//   - Errors for missing files differ. A file is missing if its size cannot be
//     told and it is not listed.
package beamfs

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() { storage.RegisterFallback(find) }

// find gives the system of a scheme that a Beam file system serves.
func find(scheme string) (_ storage.System, ok bool) {
	defer func() { ok = recover() == nil }()
	filesystem.ValidateScheme(scheme + "://x") // the only way to ask; it panics
	s, _ := systems.LoadOrStore(scheme, &system{scheme: scheme})
	return s.(*system), true
}

var systems sync.Map // of scheme: *system

var oneProcess atomic.Bool

// AssumeOneProcess says that nobody but this process writes through this package
// at the same time: all workers are in it, as with Prism in the process or
// --environment_type=LOOPBACK on one machine, and no other job writes the same
// output. Then a lock of this process makes storage.CreateOptions.NoOverwrite,
// and with it sets of shards, as safe as elsewhere. If it is not true, two
// attempts of a write can both decide, and shards be mixed or lost.
//
// Beam's in-memory file system, memfs, is in one process by nature and needs no
// such call.
func AssumeOneProcess() { oneProcess.Store(true) }

// system serves one scheme.
type system struct {
	scheme string

	open sync.Once
	beam filesystem.Interface

	// locks serialize what is done to a name, by its hash.
	locks [64]sync.Mutex
}

var seed = maphash.MakeSeed()

// lock makes this goroutine the only one of the process that changes a name.
func (s *system) lock(name string) (unlock func()) {
	mu := &s.locks[maphash.String(seed, name)%uint64(len(s.locks))]
	mu.Lock()
	return mu.Unlock
}

// fs gives the file system. It is kept: some make a client each time, and end
// with the context that they were made with.
func (s *system) fs() (filesystem.Interface, error) {
	s.open.Do(func() { s.beam, _ = filesystem.New(context.Background(), s.scheme+"://x") })
	if s.beam == nil {
		return nil, fmt.Errorf("beamfs: nothing serves %s://: %w", s.scheme, errors.ErrUnsupported)
	}
	return s.beam, nil
}

// begin is for calls about a name: it gives the file system if the context goes
// on.
func (s *system) begin(ctx context.Context, op, name string) (filesystem.Interface, error) {
	if ctx.Err() != nil {
		return nil, failed(op, name, ahead.ContextError(ctx))
	}
	beam, err := s.fs()
	if err != nil {
		return nil, failed(op, name, err)
	}
	return beam, nil
}

func failed(op, name string, err error) error { return fmt.Errorf("%s %s: %w", op, name, err) }

func (s *system) Stat(ctx context.Context, name string) (storage.Info, error) {
	beam, err := s.begin(ctx, "stat", name)
	if err != nil {
		return storage.Info{}, err
	}
	info, err := s.stat(ctx, beam, name)
	if err != nil {
		return storage.Info{}, failed("stat", name, err)
	}
	return info, nil
}

// stat describes a file. The error for one that is missing is fs.ErrNotExist.
func (s *system) stat(ctx context.Context, beam filesystem.Interface, name string) (storage.Info, error) {
	info := storage.Info{Name: name}
	size, err := beam.Size(ctx, name)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, fs.ErrNotExist) {
			listed, listErr := s.one(ctx, beam, escape(name))
			if listErr == nil && !slices.Contains(listed, name) {
				err = fmt.Errorf("%w (%w)", fs.ErrNotExist, err)
			}
		}
		return info, err
	}
	info.Size = size
	if m, ok := beam.(filesystem.LastModifiedGetter); ok {
		if info.ModTime, err = m.LastModified(ctx, name); err != nil {
			return info, err
		}
	}
	return info, nil
}

func (s *system) Open(ctx context.Context, name string) (storage.Object, error) {
	beam, err := s.begin(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	info, err := s.stat(ctx, beam, name)
	if err != nil {
		return nil, failed("open", name, err)
	}
	// The object outlives the call.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := beam.OpenRead(life, name)
	if err != nil {
		end()
		return nil, failed("open", name, err)
	}
	file, err := tempFile()
	if err != nil {
		end()
		return nil, failed("open", name, errors.Join(err, stream.Close()))
	}
	return &object{name: name, size: info.Size, stream: stream, end: end, file: file}, nil
}
