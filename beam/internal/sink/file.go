package sink

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// File is a complete file.
type File struct {
	Name    string
	Shard   int   // which shard it is to be; of no meaning before that is decided
	Count   int   // of how many, where that was decided by a plan
	Records int64 // in the file
	Bytes   int64 // size of the file

	// Input is set for files that are not temporary: they are copied, never
	// renamed.
	Input bool
	// Decode is set for ArrayRecord files whose chunks are not such as the
	// shards are to have.
	Decode bool
	// WriterOptions are those recorded in an input, "" if there are none.
	WriterOptions string
	// GroupSize is the group size of an input, 0 if it has no records.
	GroupSize int64

	// Seen are summaries of what was there before the file was begun, and
	// TempDirs have files that are not needed any more once this one has its
	// name.
	Seen     string // of JoinNames
	TempDirs string // likewise
}

// writer makes one file, which exists once Finish has returned it.
type writer interface {
	Write(record []byte) error
	// Size says how many records were written, and how many bytes they have.
	Size() (records, bytes int64)
	Finish(ctx context.Context) (File, error)
	Abort() error
}

// NewTempName returns a name for a temporary file, which no attempt had before.
func (c Config) NewTempName() string {
	if c.flat {
		return c.RunDir() + "-" + rand.Text()
	}
	return storage.Join(c.RunDir(), rand.Text()+".temp")
}

// createTemp begins a temporary file.
func (c Config) createTemp(ctx context.Context, format Format) (writer, error) {
	name := c.NewTempName()
	if format == ArrayRecord {
		w, err := arrayrecord.Create(ctx, name, arrayrecord.WithWriterOptions(c.WriterOptions))
		if err != nil {
			return nil, err
		}
		if len(c.Metadata) > 0 {
			if err := w.SetMetadata(c.Metadata); err != nil {
				return nil, errors.Join(err, w.Abort())
			}
		}
		return &arrayRecordWriter{Writer: w}, nil
	}
	out, err := storage.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return nil, err
	}
	w, err := tfrecord.NewWriter(out, tfrecord.WithCompression(c.Compression))
	if err != nil {
		return nil, errors.Join(err, out.Abort())
	}
	return &tfRecordWriter{name: name, out: out, w: w}, nil
}

type arrayRecordWriter struct {
	*arrayrecord.Writer
	bytes int64
}

func (w *arrayRecordWriter) Write(record []byte) error {
	w.bytes += int64(len(record))
	return w.Writer.Write(record)
}

func (w *arrayRecordWriter) Size() (records, bytes int64) { return int64(w.NumRecords()), w.bytes }

func (w *arrayRecordWriter) Finish(ctx context.Context) (File, error) {
	if err := w.Close(); err != nil {
		return File{}, err
	}
	return finished(ctx, w.Name(), int64(w.NumRecords()))
}

type tfRecordWriter struct {
	name  string
	out   storage.Upload
	w     *tfrecord.Writer
	bytes int64
}

func (w *tfRecordWriter) Write(record []byte) error {
	w.bytes += int64(len(record))
	return w.w.Write(record)
}

func (w *tfRecordWriter) Size() (records, bytes int64) { return int64(w.w.NumRecords()), w.bytes }

func (w *tfRecordWriter) Finish(ctx context.Context) (File, error) {
	if err := w.w.Close(); err != nil {
		return File{}, errors.Join(err, w.out.Abort())
	}
	if err := w.out.Commit(); err != nil {
		return File{}, err
	}
	return finished(ctx, w.name, int64(w.w.NumRecords()))
}

func (w *tfRecordWriter) Abort() error { return w.out.Abort() }

func finished(ctx context.Context, name string, records int64) (File, error) {
	info, err := storage.Stat(ctx, name)
	return File{Name: name, Records: records, Bytes: info.Size}, err
}

// JoinNames puts names into one string, as JSON. Elements of collections have them in this form:
// runners in Java do not read lists of strings within rows as the Go SDK writes them.
func JoinNames(names []string) string {
	if len(names) == 0 {
		return ""
	}
	text, err := json.Marshal(names)
	if err != nil { // strings can be marshalled
		panic(err)
	}
	return string(text)
}

// splitNames is the inverse of JoinNames.
func splitNames(text string) (names []string) {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		panic(err) // nobody else makes them
	}
	return names
}
