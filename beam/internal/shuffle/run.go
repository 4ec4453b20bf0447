package shuffle

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A run is a temporary file of sorted records:
//
//	TFRecord*                      each uvarint file, uvarint record, data
//	Cells+1 times {offset, count}  where each cell begins: in the file, and how
//	                               many records are before it; 2 x 64 bits
type run struct {
	Name     string
	Table    int64 // where the table is
	Checksum int64 // of the table
	Layout   layout
}

const boundarySize = 16

// minSize is the least that a record takes.
const minSize = tfrecord.HeaderSize + 2 + tfrecord.FooterSize

// boundary is where a cell begins.
type boundary struct{ offset, count int64 }

// writeRun sorts records and makes a run of them.
func writeRun(ctx context.Context, name string, l layout, entries []entry) (r run, err error) {
	slices.SortFunc(entries, compare)
	out, err := storage.Create(ctx, name, storage.CreateOptions{NoSync: true})
	if err != nil {
		return r, err
	}
	r = run{Name: name, Layout: l}
	if err := r.write(out, entries); err != nil {
		return r, errors.Join(err, out.Abort())
	}
	return r, out.Commit()
}

func (r *run) write(out io.Writer, entries []entry) error {
	w, err := tfrecord.NewWriter(out)
	if err != nil {
		return err
	}
	l := r.Layout
	table := make([]byte, 0, boundarySize*(l.Cells+1))
	// Each cell up to the one of the next record begins here.
	begin := func(cell int64, i int) {
		for int64(len(table)) <= cell*boundarySize {
			table = binary.LittleEndian.AppendUint64(table, uint64(w.Offset()))
			table = binary.LittleEndian.AppendUint64(table, uint64(i))
		}
	}
	var record []byte
	for i, e := range entries {
		begin(cellOf(e.key, l.Cells), i)
		record = binary.AppendUvarint(record[:0], e.file)
		record = binary.AppendUvarint(record, e.place.record)
		if err := w.Write(append(record, e.data...)); err != nil {
			return err
		}
	}
	begin(l.Cells, len(entries))
	r.Table, r.Checksum = w.Offset(), checksum(table)
	if err := w.Close(); err != nil {
		return err
	}
	_, err = out.Write(table)
	return err
}

func checksum(table []byte) int64 { return int64(crc32.Checksum(table, castagnoli)) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// boundaries reads where the cells [begin, end] begin. Those of all cells have a
// checksum; from others records are read, whose number shows what is wrong.
func (r run) boundaries(ctx context.Context, begin, end int64) (boundaries []boundary, err error) {
	o, err := storage.Open(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if want := r.Table + boundarySize*(r.Layout.Cells+1); o.Size() != want {
		return nil, fmt.Errorf("%s: the temporary file has %d bytes, not %d", r.Name, o.Size(), want)
	}
	table := make([]byte, boundarySize*(end-begin+1))
	if _, err := o.ReadAt(ctx, table, r.Table+boundarySize*begin); err != nil && err != io.EOF {
		return nil, err
	}
	if begin == 0 && end == r.Layout.Cells && checksum(table) != r.Checksum {
		return nil, fmt.Errorf("%s: the temporary file is damaged: the checksum of its table is wrong", r.Name)
	}
	boundaries = make([]boundary, end-begin+1)
	for i := range boundaries {
		b := table[boundarySize*i:]
		boundaries[i] = boundary{int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint64(b[8:]))}
		if at := boundaries[i].offset; at < 0 || at > r.Table || i > 0 && at < boundaries[i-1].offset {
			return nil, fmt.Errorf("%s: the temporary file is damaged: cell %d begins at %d", r.Name, begin+int64(i), at)
		}
	}
	return boundaries, nil
}

// load reads the records between two boundaries.
func (r run) load(ctx context.Context, seed uint64, begin, end boundary) (entries []entry, err error) {
	o, err := storage.Open(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	data := make([]byte, end.offset-begin.offset)
	if _, err := o.ReadAt(ctx, data, begin.offset); err != nil && (err != io.EOF || len(data) > 0) {
		return nil, err
	}
	entries = make([]entry, 0, min(end.count-begin.count, int64(len(data))/minSize))
	for at := 0; at < len(data); {
		e, size := parse(data[at:])
		if size == 0 {
			return nil, fmt.Errorf("%s: the temporary file is damaged at %d", r.Name, begin.offset+int64(at))
		}
		e.key = e.place.key(seed)
		entries = append(entries, e)
		at += size
	}
	if n := end.count - begin.count; int64(len(entries)) != n {
		return nil, fmt.Errorf("%s: the temporary file is damaged: it has %d records from %d on, not %d", r.Name, len(entries), begin.offset, n)
	}
	return entries, nil
}

// parse reads the record that b begins with, and says how many bytes it takes, 0
// if there is none.
func parse(b []byte) (e entry, size int) {
	const header, footer = tfrecord.HeaderSize, tfrecord.FooterSize
	if len(b) < header+footer {
		return e, 0
	}
	length, ok := tfrecord.ParseHeader(b)
	if !ok || length > uint64(len(b)-header-footer) {
		return e, 0
	}
	size = header + int(length) + footer
	data := b[header : size-footer]
	if !tfrecord.CheckData(data, b[size-footer:size]) {
		return e, 0
	}
	var n, m int
	e.file, n = binary.Uvarint(data)
	if n <= 0 {
		return e, 0
	}
	e.place.record, m = binary.Uvarint(data[n:])
	if m <= 0 {
		return e, 0
	}
	e.data = data[n+m:]
	return e, size
}
