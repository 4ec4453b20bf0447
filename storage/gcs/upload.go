package gcs

import (
	"context"
	"crypto/rand"
	"fmt"
	"hash/crc32"
	"io/fs"

	cloud "cloud.google.com/go/storage"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// chunkSize is what is sent by one request, and buffered to send it again.
const chunkSize = 8 << 20

// tokenKey is the metadata by which an upload recognizes its object.
const tokenKey = "arrayrecord-upload"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type upload struct {
	ctx    context.Context // the caller's
	cancel context.CancelFunc
	handle *cloud.ObjectHandle
	w      *cloud.Writer
	name   string
	token  string // "" if the upload replaces what is there
	crc    uint32
	size   int64
	failed error // first failed Write
	done   bool
}

// Create implements storage.System. No request is made before there is
// something to send.
func (s *System) Create(ctx context.Context, name string, opts storage.CreateOptions) (storage.Upload, error) {
	if err := contextError(ctx, "create", name); err != nil {
		return nil, err
	}
	handle, err := s.object(name)
	if err != nil {
		return nil, wrap(ctx, "create", name, err)
	}
	u := &upload{ctx: ctx, handle: handle, name: name}
	// By itself the client does not repeat an upload whose connection was cut.
	target := handle.Retryer(cloud.WithErrorFunc(cloud.ShouldRetry))
	if opts.NoOverwrite {
		u.token = rand.Text()
		target = target.If(cloud.Conditions{DoesNotExist: true})
	}
	writeCtx, cancel := context.WithCancel(ctx)
	u.cancel = cancel
	u.w = target.NewWriter(writeCtx)
	u.w.ChunkSize = chunkSize
	u.w.ContentType = "application/octet-stream"
	if u.token != "" {
		u.w.Metadata = map[string]string{tokenKey: u.token}
	}
	return u, nil
}

func (u *upload) Write(p []byte) (int, error) {
	if u.done {
		return 0, &fs.PathError{Op: "storage: write", Path: u.name, Err: fs.ErrClosed}
	}
	if u.failed != nil {
		return 0, u.failed
	}
	if u.failed = contextError(u.ctx, "write", u.name); u.failed != nil {
		return 0, u.failed
	}
	n, err := u.w.Write(p)
	u.crc = crc32.Update(u.crc, castagnoli, p[:n])
	u.size += int64(n)
	if err != nil {
		u.failed = u.error("write", err)
	}
	return n, u.failed
}

func (u *upload) Commit() error {
	if u.done {
		return &fs.PathError{Op: "storage: commit", Path: u.name, Err: fs.ErrClosed}
	}
	err := u.failed
	if err == nil {
		err = contextError(u.ctx, "commit", u.name)
	}
	if err != nil {
		u.Abort()
		return err
	}
	u.done = true
	defer u.cancel()
	err = u.w.Close()
	attrs := u.w.Attrs()
	// The answer to a successful upload may have been lost, and the upload then
	// have met itself at the second attempt.
	if preconditionFailed(err) || err != nil && !isStatus(err) {
		if found, attrsErr := u.handle.Attrs(u.ctx); attrsErr == nil && u.made(found) {
			attrs, err = found, nil
		}
	}
	if err != nil {
		return u.error("commit", err)
	}
	return u.verify(attrs)
}

// made tells whether an object is what the upload was to make.
func (u *upload) made(attrs *cloud.ObjectAttrs) bool {
	if u.token == "" {
		return attrs.Size == u.size && attrs.CRC32C == u.crc
	}
	return attrs.Metadata[tokenKey] == u.token
}

// verify takes an object back that is not what was written. The service itself
// refuses it, but not everything that speaks its protocol does.
func (u *upload) verify(attrs *cloud.ObjectAttrs) error {
	if attrs.Size == u.size && attrs.CRC32C == u.crc {
		return nil
	}
	err := fmt.Errorf("%d bytes with CRC32C %08x were stored instead of %d with %08x", attrs.Size, attrs.CRC32C, u.size, u.crc)
	if removeErr := u.handle.If(cloud.Conditions{GenerationMatch: attrs.Generation}).Delete(u.ctx); removeErr != nil {
		err = fmt.Errorf("%w; removing them: %w", err, removeErr)
	}
	return u.error("commit", err)
}

// Abort waits until nothing is under way any more.
func (u *upload) Abort() error {
	if u.done {
		return nil
	}
	u.done = true
	u.cancel()
	// Cancelled, it cannot but fail.
	_ = u.w.Close()
	return nil
}

// error also knows the failed precondition, which is the only one there is.
func (u *upload) error(op string, err error) error {
	wrapped := wrap(u.ctx, op, u.name, err)
	if e, ok := wrapped.(*opError); ok && u.token != "" && preconditionFailed(err) && u.ctx.Err() == nil {
		e.kind = fs.ErrExist
	}
	return wrapped
}
