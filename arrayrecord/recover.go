package arrayrecord

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
)

// An inspection is what was found in a file.
type inspection struct {
	*suspect
	index      *core.Reader // nil if there is none
	indexError error        // why the file cannot be opened, or nil
	footer     int64        // where the index begins, if there is one or the postscript says so; else the size
	end        int64        // where the file ends, by that

	gap core.Extent // what an unfinished append has left

	metadata bool // there is a chunk of it that can be read

	keep    bool         // chunks
	chunks  []core.Piece // those that can be read
	count   int          // of them
	records int          // in them
	damage  []Damage

	// Of a pass over the file.
	next    int          // chunk of the index
	digest  uint64       // of the chunks so far
	unknown bool         // nothing tells the digest of some
	entries []core.Piece // of the index, from `first` on
	first   int
	uneven  bool
	// Of an unfinished append: records, and where its chunks end.
	unfinished    int
	unfinishedEnd int64
	found         []core.Piece // without an index, all but sound padding
}

// inspect looks at all chunks of a file, and decodes them. With keep it notes those that can be read.
func inspect(ctx context.Context, s *suspect, progress func(done, size int64), keep bool) (*inspection, error) {
	f := &inspection{suspect: s, keep: keep}
	if err := f.open(ctx); err != nil {
		return nil, err
	}
	err := f.pass(ctx, progress)
	if err == nil && f.index == nil {
		if err = f.findIndex(ctx); err == nil && f.index != nil {
			err = f.pass(ctx, progress)
		}
	}
	if err == nil && f.index == nil {
		err = f.judge()
	}
	if err != nil {
		f.free()
		return nil, err
	}
	f.finish()
	return f, nil
}

func (f *inspection) free() {
	if f.index != nil {
		f.index.Free()
	}
}

func (f *inspection) report() *Report {
	return &Report{File: f.name, Size: f.size, Records: f.records, Chunks: f.count, Damage: f.damage}
}

// open opens the index, unless it is damaged.
func (f *inspection) open(ctx context.Context) error {
	f.footer, f.end = f.size, f.size
	index, err := f.openCore(ctx, f.options)
	if err != nil {
		var e *core.Error
		if !errors.As(err, &e) || e.Code != core.DataLoss && e.Code != core.Truncated && e.Code != core.NotArrayRecord {
			return f.error(err)
		}
		f.indexError = f.error(err)
		return nil
	}
	f.index, f.gap = index, index.Gap()
	f.footer, err = f.locate(ctx, f.size)
	return err
}

// locate finds where the index begins of a file that ends at end.
func (f *inspection) locate(ctx context.Context, end int64) (int64, error) {
	tail := make([]byte, core.TailSize)
	if err := f.read(ctx, tail, end-core.TailSize); err != nil {
		return 0, f.error(err)
	}
	return core.LocateIndex(tail, end, nil)
}

func (f *inspection) pass(ctx context.Context, progress func(done, size int64)) error {
	f.damage, f.found, f.chunks, f.count, f.records, f.next = nil, nil, nil, 0, 0, 0
	f.unfinished, f.unfinishedEnd = 0, f.gap.Position
	f.digest, f.unknown = 0, false
	// A chunk of an append that was not finished may claim bytes that it never came to write.
	s := &survey{suspect: f.suspect, barrier: f.gap.Position + int64(f.gap.Size), Surveyor: core.Surveyor{
		Index: f.index, Options: core.ReaderOptions(f.options), Decode: true, Size: f.size}}
	if progress != nil {
		s.progress = func(done int64) { progress(done, f.size) }
	}
	use := f.note
	if f.index != nil {
		use = func(p core.Piece) { f.compare(ctx, p) }
	}
	return s.run(ctx, func(p core.Piece) {
		f.metadata = f.metadata || p.Type == 'm' && p.Fault == core.FaultNone
		use(p)
	})
}

// note keeps a piece for later: without an index nothing tells yet what it is.
func (f *inspection) note(p core.Piece) {
	if p.Fault != core.FaultNone || p.Type != 'p' {
		f.found = append(f.found, p)
	}
}

// compare puts a piece to the index.
func (f *inspection) compare(ctx context.Context, p core.Piece) {
	switch {
	case p.Begin >= f.end:
		f.add(Damage{Kind: DamagedTrailing, Offset: p.Begin, End: p.End, Chunk: -1, FirstRecord: -1, Reason: "no part of the file"})
	case p.Begin >= f.footer:
		f.compareEnd(p)
	case p.Begin >= f.gap.Position && p.Begin < f.gap.Position+int64(f.gap.Size):
		f.compareGap(ctx, p)
	default:
		f.compareData(p)
	}
}

// compareGap saves the chunks of an unfinished append that were complete: those that follow each
// other from the beginning of the gap on, up to an index. What was there before had been cleared.
func (f *inspection) compareGap(ctx context.Context, p core.Piece) {
	if p.Begin != f.unfinishedEnd || !readable(p) && p.Type != 'p' || p.Fault != core.FaultNone {
		return
	}
	if (p.NumRecords == f.index.NumChunks()+1 || p.NumRecords == f.count+1) && f.isIndex(ctx, p) {
		f.unfinishedEnd = -1
		return
	}
	f.unfinishedEnd = p.End
	if readable(p) {
		f.unfinished += p.NumRecords
		f.save(p)
	}
}

// isIndex says whether a chunk in a gap is the index that was there before, and had not been cleared
// yet, or that of the longer file, which was complete but for the last step.
func (f *inspection) isIndex(ctx context.Context, p core.Piece) bool {
	index, err := f.tryIndex(ctx, p)
	if index != nil {
		index.Free()
	}
	return err != nil || index != nil
}

func (f *inspection) compareEnd(p core.Piece) {
	postscript := f.end - core.TailSize
	sound := p.Fault == core.FaultNone
	if sound && (p.Type == 'p' || p.Type == 'r' && (p.Begin == f.footer || p.Begin == postscript)) {
		return
	}
	d := f.damaged(p)
	switch {
	case sound:
	case p.Begin >= postscript:
		d.Kind = DamagedPostscript
	case d.Kind != DamagedBlockHeader:
		d.Kind = DamagedIndex
	}
	d.FirstRecord, d.LostRecords = -1, 0
	f.add(d)
}

func (f *inspection) compareData(p core.Piece) {
	begin := f.next
	f.digest += p.Digest
	var entry core.Piece
	if e := f.entry(begin); e != nil {
		entry = *e
	}
	for e := f.entry(begin); e != nil && e.Begin < p.End; e = f.entry(f.next) {
		f.next++
	}
	readable := readable(p)
	if readable && f.unfinished > 0 && p.Begin == entry.Begin && p.Begin == f.gap.Position+int64(f.gap.Size) {
		f.unfinished -= p.NumRecords // the first chunk of the append has them, too
		return
	}
	switch {
	case readable && f.next == begin+1 && p.Begin == entry.Begin && p.NumRecords == entry.NumRecords &&
		p.DecodedSize == entry.DecodedSize:
		f.uneven = f.uneven || f.next < f.index.NumChunks() && p.NumRecords != f.index.GroupSize()
		f.save(p)
	case readable:
		f.save(p)
		f.unknown = true
		f.add(Damage{Kind: DamagedIndex, Offset: p.Begin, End: p.End, Chunk: begin, FirstRecord: -1,
			Reason: fmt.Sprintf("a chunk with %d records that the index does not have, or has otherwise", p.NumRecords)})
	case p.Fault == core.FaultNone && (p.Type == 'r' || p.Type == 't' || f.next > begin):
		f.unknown = true
		f.add(Damage{Kind: DamagedIndex, Offset: p.Begin, End: p.End, Chunk: begin, FirstRecord: f.index.FirstRecord(begin),
			LostRecords: f.index.FirstRecord(f.next) - f.index.FirstRecord(begin), Reason: "the index has records where there are none"})
	}
	if p.Fault != core.FaultNone {
		f.unknown = f.unknown || p.Fault != core.FaultBlockHeader && p.Fault != core.FaultData
		d := f.damaged(p)
		d.Chunk, d.FirstRecord, d.LostRecords = -1, -1, 0
		if f.next > begin {
			d.Chunk = begin
			saved := f.unfinished > 0 && begin == f.index.NumChunks()-1 && entry.Begin == f.gap.Position+int64(f.gap.Size)
			if saved {
				f.unfinished -= entry.NumRecords // by the first chunk of the append
			} else if !readable {
				d.FirstRecord = f.index.FirstRecord(begin)
				d.LostRecords = f.index.FirstRecord(f.next) - d.FirstRecord
			}
		}
		f.add(d)
	} else if p.Begin == 0 && p.Type != 's' {
		f.add(Damage{Kind: DamagedSignature, End: blockSize, Chunk: -1, FirstRecord: -1, Reason: "the file does not begin with it"})
	}
}

// entry is what the index has of a chunk; nil if there is none.
func (f *inspection) entry(chunk int) *core.Piece {
	n := f.index.NumChunks()
	if chunk >= n {
		return nil
	}
	if chunk >= f.first+len(f.entries) {
		f.first = chunk
		f.entries = append(f.entries[:0], make([]core.Piece, min(n-chunk, surveyPieces))...)
		if err := f.index.Chunks(chunk, f.entries); err != nil {
			panic(err) // only for chunks that are not there
		}
	}
	return &f.entries[chunk-f.first]
}

// readable says whether a piece is a chunk whose records can be read.
func readable(p core.Piece) bool {
	return (p.Type == 'r' || p.Type == 't') && (p.Fault == core.FaultNone || p.Fault == core.FaultBlockHeader)
}

func (f *inspection) save(p core.Piece) {
	f.records += p.NumRecords
	f.count++
	if f.keep {
		f.chunks = append(f.chunks, p)
	}
}

// damaged describes a piece, as far as it tells by itself.
func (f *inspection) damaged(p core.Piece) Damage {
	d := Damage{Offset: p.Begin, End: p.End, Chunk: -1, FirstRecord: -1, LostRecords: -1}
	if p.Type == 'r' || p.Type == 't' {
		d.LostRecords = p.NumRecords
	} else if p.Type != 0 {
		d.LostRecords = 0
	}
	switch p.Fault {
	case core.FaultBlockHeader:
		d.Kind, d.Reason, d.LostRecords = DamagedBlockHeader, fmt.Sprintf("the one at %d is wrong", p.FaultAt), 0
	case core.FaultChunkHeader:
		d.Kind, d.Reason = DamagedChunkHeader, "no chunk begins here"
	case core.FaultData:
		d.Kind, d.Reason = DamagedData, "hash mismatch"
	case core.FaultRecords:
		d.Kind, d.Reason = DamagedRecords, "the hashes are right, but it cannot be decoded"
	case core.FaultCutOff:
		d.Kind, d.Reason = DamagedCutOff, "a chunk that goes on behind the end of the file"
	case core.FaultTooLarge:
		d.Kind, d.Reason = DamagedTooLarge, "a chunk or record over MaxChunkSize or MaxRecordSize"
	case core.FaultUnknownType:
		d.Kind, d.Reason = DamagedForeign, "a chunk or compression type that this library does not know"
	default:
		d.Kind, d.Reason = DamagedForeign, "a chunk where none of its type may be"
	}
	if p.Begin == 0 {
		d.Kind, d.LostRecords = DamagedSignature, 0
	}
	return d
}

// add notes damage. What is found piece by piece is one.
func (f *inspection) add(d Damage) {
	if n := len(f.damage) - 1; n >= 0 {
		last := &f.damage[n]
		switch d.Kind {
		case DamagedChunkHeader, DamagedTrailing, DamagedPostscript, DamagedIndex:
			if last.Kind != d.Kind || last.End != d.Offset || last.Reason != d.Reason {
				break
			}
			last.End = d.End
			if last.LostRecords == 0 {
				last.FirstRecord, last.Chunk = d.FirstRecord, d.Chunk
			}
			if last.LostRecords < 0 || d.LostRecords < 0 {
				last.LostRecords = -1
			} else {
				last.LostRecords += d.LostRecords
			}
			return
		}
	}
	f.damage = append(f.damage, d)
}

// findIndex looks for an index among the last chunks that were found: the end of the file may be
// lost, or have something behind it.
func (f *inspection) findIndex(ctx context.Context) error {
	const tries = 8
	sound := 0
	for i := len(f.found) - 1; i >= 0 && sound < tries; i-- {
		p := f.found[i]
		if !readable(p) || p.Type != 'r' {
			continue
		}
		sound++
		if p.Begin%blockSize == 0 && p.NumRecords == 3 && p.Begin+core.TailSize <= f.size {
			if footer, err := f.locate(ctx, p.Begin+core.TailSize); err == nil {
				f.footer, f.end = footer, p.Begin+core.TailSize
				continue
			}
		}
		index, err := f.openIndexAt(ctx, p)
		if err != nil {
			return err
		}
		if index != nil {
			f.index, f.footer, f.gap = index, p.Begin, index.Gap()
			if f.end == f.size {
				f.end = padded(p.End) + core.TailSize
			}
			return nil
		}
	}
	return ahead.ContextError(ctx)
}

// openIndexAt takes a chunk as the index of the chunks before it; nil if it is none.
func (f *inspection) openIndexAt(ctx context.Context, p core.Piece) (*core.Reader, error) {
	index, err := f.tryIndex(ctx, p)
	if index == nil {
		return nil, err
	}
	// All chunks that can be read must be in it: records may look like an index, too.
	entries, chunk, gap := make([]core.Piece, index.NumChunks()), 0, index.Gap()
	if err := index.Chunks(0, entries); err != nil {
		panic(err)
	}
	for _, q := range f.found {
		inGap := q.Begin >= gap.Position && q.Begin < gap.Position+int64(gap.Size)
		if !readable(q) || q.Begin >= p.Begin || inGap {
			continue
		}
		for chunk < len(entries) && entries[chunk].Begin < q.Begin {
			chunk++
		}
		if chunk == len(entries) || entries[chunk].Begin != q.Begin || entries[chunk].NumRecords != q.NumRecords {
			index.Free()
			return nil, nil
		}
	}
	return index, nil
}

// tryIndex opens a chunk as an index; nil if it is none.
func (f *inspection) tryIndex(ctx context.Context, p core.Piece) (*core.Reader, error) {
	end := padded(p.End)
	data := make([]byte, end-p.Begin) // the padding may be missing
	if err := f.read(ctx, data[:min(end, f.size)-p.Begin], p.Begin); err != nil {
		return nil, f.error(err)
	}
	index, err := core.OpenIndex(data, p.Begin, end+core.TailSize, core.ReaderOptions(f.options))
	if err != nil {
		return nil, nil // it is a chunk like others
	}
	return index, nil
}

// padded is where the padding ends that makes a file go on at a block boundary.
func padded(end int64) int64 {
	const chunkHeader = 40
	room := -end & (blockSize - 1)
	if 0 < room && room < chunkHeader {
		room += blockSize
	}
	return end + room
}

// judge sorts what was found in a file without an index: all chunks with records are data, but for
// an index that is damaged, and the postscript.
func (f *inspection) judge() error {
	record, chunk, known := 0, 0, true
	entries := uint64(0) // bytes of the index of the chunks so far
	signature := false
	for i, p := range f.found {
		signature = signature || p.Begin == 0 && p.Type == 's' && p.Fault == core.FaultNone
		switch {
		case p.Begin >= f.end:
			f.add(Damage{Kind: DamagedTrailing, Offset: p.Begin, End: p.End, Chunk: -1, FirstRecord: -1, Reason: "no part of the file"})
		case p.Begin >= f.footer:
			if p.Fault != core.FaultNone {
				d := f.damaged(p)
				d.Kind, d.LostRecords = DamagedIndex, 0
				f.add(d)
			}
		case readable(p):
			if p.Fault != core.FaultNone {
				f.add(f.damaged(p))
			}
			f.save(p)
			record, chunk = record+p.NumRecords, chunk+1
			entries += 3 + varintSize(uint64(p.Begin)) + varintSize(p.DecodedSize) + varintSize(uint64(p.NumRecords))
		case p.Fault == core.FaultNone:
		case known && i == len(f.found)-1 && p.Type == 'r' && p.NumRecords == chunk+1 &&
			p.DecodedSize >= entries && p.DecodedSize-entries < maxIndexHead:
			// A number of records and a size that only the index of these chunks has.
			d := f.damaged(p)
			d.Kind, d.LostRecords = DamagedIndex, 0
			f.add(d)
		default:
			d := f.damaged(p)
			if d.LostRecords > 0 && known {
				d.Chunk, d.FirstRecord = chunk, record
			}
			if d.LostRecords >= 0 {
				record += d.LostRecords
			}
			known = known && d.LostRecords >= 0
			if p.Type != 'p' && p.Type != 'm' && p.Type != 's' {
				chunk++
			}
			f.add(d)
		}
	}
	if !signature && f.count == 0 && (errors.Is(f.indexError, ErrNotArrayRecord) || f.size == 0) {
		return f.indexError
	}
	return nil
}

// maxIndexHead is more than an index has besides one entry for each chunk.
const maxIndexHead = 4096

func varintSize(v uint64) uint64 { return uint64(bits.Len64(v|1)+6) / 7 }

// finish adds what concerns the file as a whole.
func (f *inspection) finish() {
	whole := func(kind DamageKind, reason string) {
		f.damage = append(f.damage, Damage{Kind: kind, Offset: 0, End: f.size, Chunk: -1, FirstRecord: -1, Reason: reason})
	}
	if f.indexError != nil {
		kind, reason := DamagedPostscript, f.indexError.Error()
		var corrupt *CorruptError
		if errors.As(f.indexError, &corrupt) {
			reason = corrupt.Reason
			switch {
			case errors.Is(f.indexError, ErrTruncated):
				kind = DamagedCutOff
			case corrupt.Offset >= 0 && corrupt.Offset < f.size-core.TailSize:
				kind = DamagedIndex
			}
		}
		whole(kind, "the file cannot be opened: "+reason)
	}
	if f.index == nil {
		return
	}
	if f.gap.Size > 0 {
		f.damage = append(f.damage, Damage{Kind: DamagedUnfinished, Offset: f.gap.Position, End: f.gap.Position + int64(f.gap.Size),
			Chunk: -1, FirstRecord: -1, Reason: fmt.Sprintf("an append was not finished; %d records of it can be saved", f.unfinished)})
	}
	if digest, ok := f.index.Digest(); ok && digest != f.digest && !f.unknown {
		whole(DamagedDigest, "all chunks are sound, but some are not those that were written at their place: they were exchanged, or are left from another version of the file")
		f.damage[len(f.damage)-1].LostRecords = -1
	}
	text, ok := f.index.WriterOptions()
	if !ok {
		return
	}
	options, err := core.ParseWriterOptions(text)
	n := f.index.NumChunks()
	switch {
	case err != nil:
		whole(DamagedOptions, fmt.Sprintf("%q: %v", text, err))
	case n > 1 && f.index.GroupSize() != options.GroupSize || n == 1 && f.index.GroupSize() > options.GroupSize:
		whole(DamagedOptions, fmt.Sprintf("the options say group_size:%d, and the first chunk has %d records", options.GroupSize, f.index.GroupSize()))
	case f.uneven:
		whole(DamagedOptions, "chunks before the last have other numbers of records than the first: other libraries would find the wrong ones")
	}
}
