package arrayrecordio

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/dofn"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() { dofn.Register3x1((*stageFn).ProcessElement) }

// tempFile is a complete temporary file.
type tempFile struct {
	Name    string
	Shard   int   // which shard it is to be; of no meaning before that is decided
	Records int64 // in the file
	Bytes   int64 // size of the file
}

// createTemp begins a temporary file under a name that no attempt had before.
func (c writeConfig) createTemp(ctx context.Context) (*arrayrecord.Writer, error) {
	name := storage.Join(c.TempDir, rand.Text()+DefaultSuffix)
	return arrayrecord.Create(ctx, name, arrayrecord.WithWriterOptions(c.WriterOptions))
}

// closeTemp completes a temporary file.
func closeTemp(ctx context.Context, w *arrayrecord.Writer) (tempFile, error) {
	if err := w.Close(); err != nil {
		return tempFile{}, err
	}
	info, err := storage.Stat(ctx, w.Name())
	return tempFile{Name: w.Name(), Records: int64(w.NumRecords()), Bytes: info.Size}, err
}

// stageFn writes the records of a bundle into one temporary file.
type stageFn struct {
	Config writeConfig

	w *arrayrecord.Writer // nil before the first record of a bundle
}

// StartBundle drops what a failed bundle left, for which Beam calls nothing.
func (f *stageFn) StartBundle(ctx context.Context, _ func(int, tempFile)) {
	if err := f.abort(); err != nil {
		log.Warnf(ctx, "arrayrecordio: dropping the file of a failed bundle: %v", err)
	}
}

// ProcessElement writes one record.
func (f *stageFn) ProcessElement(ctx context.Context, record []byte, _ func(int, tempFile)) error {
	if f.w == nil {
		w, err := f.Config.createTemp(ctx)
		if err != nil {
			return fmt.Errorf("arrayrecordio: %w", err)
		}
		f.w = w
	}
	if err := f.w.Write(record); err != nil {
		return fmt.Errorf("arrayrecordio: %w", errors.Join(err, f.abort()))
	}
	return nil
}

// FinishBundle completes the file. Bundles without records have none.
func (f *stageFn) FinishBundle(ctx context.Context, emit func(int, tempFile)) error {
	if f.w == nil {
		return nil
	}
	w := f.w
	f.w = nil
	file, err := closeTemp(ctx, w)
	if err != nil {
		return fmt.Errorf("arrayrecordio: %w", err)
	}
	emit(0, file)
	return nil
}

func (f *stageFn) abort() error {
	if f.w == nil {
		return nil
	}
	w := f.w
	f.w = nil
	return w.Abort()
}
