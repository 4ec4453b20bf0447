package beamfs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem"

	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func (s *system) Create(ctx context.Context, name string, opts storage.CreateOptions) (storage.Upload, error) {
	if _, err := s.begin(ctx, "create", name); err != nil {
		return nil, err
	}
	if opts.NoOverwrite {
		if err := s.CheckNoOverwrite(); err != nil {
			return nil, failed("create", name, err)
		}
	}
	file, err := tempFile()
	if err != nil {
		return nil, failed("create", name, err)
	}
	return &upload{ctx: ctx, s: s, name: name, opts: opts, file: file}, nil
}

// CheckNoOverwrite is asked by storage.CheckNoOverwrite.
func (s *system) CheckNoOverwrite() error {
	if s.scheme == "memfs" || oneProcess.Load() {
		return nil
	}
	return fmt.Errorf("the file system of Beam for %s:// cannot make a file only if there is none, where several processes write "+
		"(see beamfs.AssumeOneProcess): %w", s.scheme, errors.ErrUnsupported)
}

// upload is a file that is written.
type upload struct {
	ctx  context.Context
	s    *system
	name string
	opts storage.CreateOptions
	file *os.File // nil when it is finished
	err  error    // of a Write
}

func (u *upload) Write(p []byte) (int, error) {
	if u.file == nil {
		return 0, failed("write", u.name, fs.ErrClosed)
	}
	if u.err == nil && u.ctx.Err() != nil {
		u.err = failed("write", u.name, ahead.ContextError(u.ctx))
	}
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.file.Write(p)
	if err != nil {
		u.err = failed("write", u.name, err)
	}
	return n, u.err
}

func (u *upload) Commit() error {
	if u.file == nil {
		return failed("commit", u.name, fs.ErrClosed)
	}
	file := u.file
	u.file = nil
	err := u.err
	if err == nil {
		err = u.publish(file)
	}
	return errors.Join(err, file.Close())
}

func (u *upload) publish(file *os.File) error {
	beam, err := u.s.begin(u.ctx, "commit", u.name)
	if err != nil {
		return err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return failed("commit", u.name, err)
	}
	if err := u.s.publish(u.ctx, beam, u.name, file, u.opts.NoOverwrite); err != nil {
		return failed("commit", u.name, err)
	}
	return nil
}

func (u *upload) Abort() error {
	if u.file == nil {
		return nil
	}
	file := u.file
	u.file = nil
	return file.Close()
}

// publish makes a file of what is read from content.
func (s *system) publish(ctx context.Context, beam filesystem.Interface, name string, content io.Reader, once bool) (err error) {
	write := func(to string) error { return write(ctx, beam, to, content) }
	if _, renames := beam.(filesystem.Renamer); renames {
		dir, _ := storage.Split(name)
		temp := storage.Join(dir, ".arrayrecord-"+rand.Text()+".tmp")
		if err := write(temp); err != nil {
			return errors.Join(err, s.discard(ctx, beam, temp))
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, s.discard(ctx, beam, temp))
			}
		}()
		write = func(to string) error { return filesystem.Rename(ctx, beam, temp, to) }
	}
	defer s.lock(name)()
	if once {
		_, err := s.stat(ctx, beam, name)
		if err == nil {
			return fs.ErrExist
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return write(name)
}

// write copies content into a file. One that could not be written as a whole is
// not closed, which would publish it: it is left to the end of its context, and
// to the collector.
func write(ctx context.Context, beam filesystem.Interface, name string, content io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := beam.OpenWrite(ctx, name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, content); err != nil {
		return err
	}
	return w.Close()
}

// discard removes a temporary file that may be there.
func (s *system) discard(ctx context.Context, beam filesystem.Interface, name string) error {
	ctx = context.WithoutCancel(ctx)
	_, err := s.stat(ctx, beam, name)
	if err == nil {
		err = remove(ctx, beam, name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
