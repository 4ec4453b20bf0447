package arrayrecord

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// OpenRecovered opens a file by the chunks that are in it, for files whose index is lost or wrong,
// that were cut off or never finished, or that have damaged chunks: it reads and checks all of it,
// as [Verify] does. The Reader has the records that can be read, numbered from 0 in the order of the
// file: where records are lost, the numbers of those after them are smaller than before. The report
// tells what is lost, by the old numbers. The file is not changed.
//
// Errors are those of Verify. That nothing can be read is no error.
func OpenRecovered(ctx context.Context, name string, opts ...ReaderOption) (*Reader, *Report, error) {
	s, err := openSuspect(ctx, name, opts)
	if err != nil {
		return nil, nil, err
	}
	f, err := inspect(ctx, s, nil, true)
	if err != nil {
		s.close()
		return nil, nil, err
	}
	defer f.free()
	r, err := f.reader()
	if err != nil {
		s.close()
		return nil, nil, err
	}
	return r, f.report(), nil
}

// reader makes a Reader of the chunks that can be read. It closes the suspect.
func (f *inspection) reader() (*Reader, error) {
	r := &Reader{name: f.name, options: f.options, size: f.size}
	file := f.file()
	if file == nil {
		r.fetcher = f.fetcher
	}
	c, err := core.OpenChunks(file, f.chunks, core.ReaderOptions(f.options))
	if err != nil {
		return nil, f.error(err)
	}
	r.attach(c, f.close)
	if f.index != nil {
		r.writerOptions, r.hasWriterOptions = f.index.WriterOptions()
	}
	return r, nil
}

// RepairOptions are settings of [Repair]. The zero value is ready for use.
type RepairOptions struct {
	// Reader has the limits and threads of reading.
	Reader ReaderOptions
	// NoOverwrite makes a file that has the output's name an error that matches fs.ErrExist. Without
	// it such a file is replaced.
	NoOverwrite bool
	// Progress is called now and then with the number of bytes of the input that have been checked,
	// which comes before the copying.
	Progress func(done, size int64)
}

// Repair makes a file of all that can be read from another: one whose writer died, that was cut off,
// or that has damaged chunks or a damaged index. Chunks that are sound are copied as they are, in
// order; only behind a chunk that does not fill a group are records encoded again. The report tells
// what is lost, by the numbers that records had; its Records is how many were saved. Where no record
// can be read a file without records is made.
//
// The input is never changed: that both names are those of one file, also through links, is an error
// that matches ErrInvalidOption. Group size and the other settings are those that the input has
// recorded, or else what its chunks tell.
//
// Other errors are those of [Verify] and [Create]; with any of them nothing appears under the
// output's name.
func Repair(ctx context.Context, in, out string, options RepairOptions) (*Report, error) {
	if err := differentFiles(in, out); err != nil {
		return nil, err
	}
	s, err := openSuspect(ctx, in, []ReaderOption{options.Reader})
	if err != nil {
		return nil, err
	}
	f, err := inspect(ctx, s, options.Progress, true)
	if err != nil {
		s.close()
		return nil, err
	}
	defer f.free()
	r, err := f.reader()
	if err != nil {
		s.close()
		return nil, err
	}
	defer r.Close()
	settings := f.writerOptions()
	settings.NoOverwrite = options.NoOverwrite
	w, err := Create(ctx, out, settings)
	if err != nil {
		return nil, err
	}
	if err := f.copyTo(ctx, w, r, settings.GroupSize); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	// Once more: the name may be another file's by now.
	if err := differentFiles(in, out); err != nil {
		return nil, errors.Join(err, w.Abort())
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return f.report(), nil
}

// differentFiles refuses two names of one file.
func differentFiles(in, out string) error {
	same := in == out
	if a, err := os.Stat(in); err == nil && storage.Scheme(in) == "" && storage.Scheme(out) == "" {
		if b, err := os.Stat(out); err == nil {
			same = same || os.SameFile(a, b)
		}
	}
	if same {
		return wrap(ErrInvalidOption, out, "the output is the input, which is never written over")
	}
	return nil
}

// writerOptions are those that the file was written with, as far as they can be told.
func (f *inspection) writerOptions() WriterOptions {
	var o WriterOptions
	if f.index != nil {
		if text, ok := f.index.WriterOptions(); ok {
			if recorded, err := ParseWriterOptions(text); err == nil {
				o = recorded
			}
		}
	}
	o.MaxParallelism = 0 // of the machine that wrote it
	if o.GroupSize == 0 && len(f.chunks) > 0 {
		o.Transpose = f.chunks[0].Type == 't'
		for _, chunk := range f.chunks {
			o.GroupSize = max(o.GroupSize, chunk.NumRecords)
		}
	}
	return o.WithDefaults()
}

// copyTo copies all chunks of r, which are those that were found, to w.
func (f *inspection) copyTo(ctx context.Context, w *Writer, r *Reader, group int) error {
	if f.metadata {
		message, ok, err := r.Metadata(ctx)
		if err == nil && ok {
			err = w.SetMetadata(message)
		}
		if err != nil {
			return err
		}
	}
	n := len(f.chunks)
	for begin := 0; begin < n; {
		if w.NumRecords()%group != 0 || f.chunks[begin].NumRecords > group || f.chunks[begin].NumRecords < group && begin < n-1 {
			first, last := r.ChunkRecords(begin)
			for record, err := range r.Scan(ctx, first, last) {
				if err == nil {
					err = w.Write(record)
				}
				if err != nil {
					return err
				}
			}
			begin++
			continue
		}
		end := begin + 1
		for end < n && f.chunks[end].NumRecords == group && f.chunks[end-1].NumRecords == group {
			end++
		}
		if err := w.CopyChunks(ctx, r, begin, end); err != nil {
			return err
		}
		begin = end
	}
	return nil
}

// Salvage iterates over the records [begin, end) that can be read, each with its number: in place of
// a damaged chunk damaged is called, with what it costs, and the records go on behind that chunk if
// it returns true. Other errors end the iteration, as does the damage if it returns false. A record
// is valid only until the next one, as for [Reader.Scan].
func (r *Reader) Salvage(ctx context.Context, begin, end int, damaged func(Damage) (skip bool)) iter.Seq2[NumberedRecord, error] {
	return func(yield func(NumberedRecord, error) bool) {
		at := begin
		for {
			failed := error(nil)
			for record, err := range r.Scan(ctx, at, end) {
				if err != nil {
					failed = err
					break
				}
				if !yield(NumberedRecord{at, record}, nil) {
					return
				}
				at++
			}
			if failed == nil {
				return
			}
			var corrupt *CorruptError
			if !errors.As(failed, &corrupt) || corrupt.Chunk < 0 || corrupt.Chunk >= r.numChunks {
				yield(NumberedRecord{}, failed)
				return
			}
			first, next := r.ChunkRecords(corrupt.Chunk)
			offset, size := r.ChunkExtent(corrupt.Chunk, corrupt.Chunk+1)
			if next <= at || next == 0 { // closed meanwhile, or no place to go on
				yield(NumberedRecord{}, failed)
				return
			}
			next = min(next, end)
			d := Damage{Kind: DamagedData, Offset: offset, End: offset + size, Chunk: corrupt.Chunk,
				FirstRecord: max(first, at), LostRecords: next - max(first, at), Reason: corrupt.Reason}
			if !damaged(d) {
				yield(NumberedRecord{}, failed)
				return
			}
			at = next
		}
	}
}

// A NumberedRecord is a record with its number.
type NumberedRecord struct {
	Number int
	Record []byte
}

const (
	// How much of a file that is cut off is looked at to tell what precedes the cut: some seconds' work.
	maxCutLocal  = 256 << 20
	maxCutRemote = 16 << 20
)

// describeCut adds to the error of a file that is cut off how many chunks precede the cut.
func (s *suspect) describeCut(ctx context.Context, failure error) error {
	var corrupt *CorruptError
	if !errors.As(failure, &corrupt) || !corrupt.truncated || !core.Can(core.CanSurvey) {
		return failure
	}
	limit := int64(maxCutRemote)
	if s.object == nil || s.file() != nil {
		limit = maxCutLocal
	}
	f := &inspection{suspect: s, footer: s.size, end: s.size}
	look := &survey{suspect: s, limit: limit, Surveyor: core.Surveyor{Options: core.ReaderOptions(s.options), Size: s.size}}
	if look.run(ctx, f.note) != nil || f.findIndex(ctx) != nil {
		return failure
	}
	defer f.free()
	if f.index != nil {
		f.count, f.records = f.index.NumChunks(), f.index.NumRecords()
	} else if f.judge() != nil {
		return failure
	}
	where := "precede the cut"
	if s.size > limit {
		where = fmt.Sprintf("are in the first %d MiB; the rest was not looked at", limit>>20)
	}
	told := *corrupt
	told.Reason += fmt.Sprintf("; %d whole chunks with %d records %s ('arrayrecord repair' saves them)", f.count, f.records, where)
	return &told
}
