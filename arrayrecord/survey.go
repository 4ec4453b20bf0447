package arrayrecord

import (
	"context"
	"os"
	"sync"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A suspect is a file that is looked at without an index that could be trusted.
type suspect struct {
	*fetcher
	name    string
	options ReaderOptions
	object  storage.Object
}

func openSuspect(ctx context.Context, name string, opts []ReaderOption) (*suspect, error) {
	options, err := applyReaderOptions(opts)
	if err != nil {
		return nil, err
	}
	if !core.Can(core.CanSurvey) {
		return nil, wrap(ErrUnsupported, name, "the core that is linked cannot find chunks without the index")
	}
	object, err := storage.Open(ctx, name)
	if err != nil {
		return nil, storageError(err)
	}
	return &suspect{fetcher: objectFetcher(object, name), name: name, options: options.WithDefaults(), object: object}, nil
}

// file is the suspect on local disk, else nil.
func (s *suspect) file() *os.File {
	if local, ok := s.object.(interface{ File() *os.File }); ok {
		return local.File()
	}
	return nil
}

func (s *suspect) close() { s.object.Close() }

// error names the file in an error.
func (s *suspect) error(err error) error { return nameError(s.name, err) }

const (
	blockSize = 64 << 10
	// surveyPart is how many bytes of a local file are looked at in one go: little enough for the cache.
	surveyPart = 16 * blockSize
	// remoteSurveyPart is the same where each read is a request.
	remoteSurveyPart = 64 * blockSize
	// surveyPieces is how many pieces the core gives at once.
	surveyPieces = 512
)

// A survey looks at all chunks of a file, several parts at a time, and hands them out in order.
type survey struct {
	core.Surveyor
	*suspect
	progress func(done int64) // may be nil
	limit    int64            // chunks that begin here or later are left out; 0 is none
	barrier  int64            // no chunk goes on behind this place, whatever its header says; 0 is none
}

// surveyed is a part of a file, and what was found in it.
type surveyed struct {
	s            *survey
	begin, until int64
	start, next  int64 // where the pieces begin and end
	memory       *surveyMemory
	err          error
}

// surveyMemory is used again from part to part.
type surveyMemory struct {
	data   []byte
	pieces []core.Piece
}

var surveyMemories = sync.Pool{New: func() any { return new(surveyMemory) }}

// maxSpareSurvey is the largest part whose memory is kept.
const maxSpareSurvey = 2 * remoteSurveyPart

func (p *surveyed) Weight() int { return int(p.until - p.begin) }

// Run looks at the chunks that begin in the part. Where the first one does its block header tells;
// if that is damaged the guess may be wrong, which comes out when the part is put to those before.
func (p *surveyed) Run(ctx context.Context) {
	p.memory = surveyMemories.Get().(*surveyMemory)
	p.memory.pieces = p.memory.pieces[:0]
	size := int(p.until - p.begin)
	if cap(p.memory.data) < size {
		p.memory.data = make([]byte, size)
	}
	data := p.memory.data[:size]
	if p.err = p.s.read(ctx, data, p.begin); p.err != nil {
		return
	}
	p.start = p.begin
	if p.begin > 0 && len(data) >= core.BlockHeaderSize {
		if begin, err := core.SurveyBegin(data, p.begin); err == nil {
			p.start = min(begin, p.s.size)
		}
	}
	p.walk(ctx, data, p.begin)
}

// walk looks at the chunks from start up to until. data are the bytes of the file from base on.
func (p *surveyed) walk(ctx context.Context, data []byte, base int64) {
	at := p.start
	for at < p.until && ctx.Err() == nil {
		if at > base+int64(len(data)) {
			data, base = nil, at
		}
		s, until, bytes := p.s.Surveyor, p.until, data[at-base:]
		if at < p.s.barrier {
			s.Size, until = p.s.barrier, min(until, p.s.barrier)
			bytes = bytes[:min(int64(len(bytes)), p.s.barrier-at)]
		}
		var found [surveyPieces]core.Piece
		n, need, err := s.Survey(bytes, at, until, found[:])
		if err != nil {
			p.err = err
			return
		}
		p.memory.pieces = append(p.memory.pieces, found[:n]...)
		if n > 0 {
			at = found[n-1].End
		}
		if at < until && need > 0 {
			longer := make([]byte, need-at)
			have := 0
			if at < base+int64(len(data)) {
				have = copy(longer, data[at-base:])
			}
			if p.err = p.s.readInto(ctx, longer[have:], []core.Extent{{Position: at + int64(have), Size: len(longer) - have}}); p.err != nil {
				return
			}
			data, base = longer, at
		}
	}
	p.next = at
}

func (p *surveyed) drop() {
	if cap(p.memory.data) <= maxSpareSurvey {
		surveyMemories.Put(p.memory)
	}
}

// run hands all pieces of the file to use, in order and without gaps between them.
func (s *survey) run(ctx context.Context, use func(core.Piece)) error {
	threads := s.options.threads()
	part := int64(surveyPart)
	o := ahead.Options{Helpers: threads - 1, CallerHelps: true, MaxTasks: 2*threads + 1}
	if s.object != nil && s.file() == nil {
		part = remoteSurveyPart
		o = ahead.Options{Helpers: max(threads, s.parallel), MaxTasks: 2 * max(threads, s.parallel)}
	}
	planned, size := int64(0), s.size
	if s.limit > 0 {
		size = min(size, s.limit)
	}
	queue := ahead.New(ctx, o, func(context.Context) (*surveyed, bool) {
		if planned >= size {
			return nil, false
		}
		p := &surveyed{s: s, begin: planned, until: min(planned+part, size)}
		planned = p.until
		return p, true
	})
	defer queue.Close(func(p *surveyed) { p.drop() })
	at := int64(0)
	for {
		p, ok, err := queue.Next()
		if err != nil {
			return s.error(ahead.ContextError(ctx))
		}
		if !ok {
			return nil
		}
		if p.err == nil && p.start != at && at < p.until {
			p.memory.pieces = p.memory.pieces[:0]
			p.start = at
			p.walk(ctx, nil, at)
		}
		if p.err != nil {
			return s.error(p.err)
		}
		if ctx.Err() != nil {
			return s.error(ahead.ContextError(ctx))
		}
		if at < p.until {
			for _, piece := range p.memory.pieces {
				use(piece)
			}
			at = p.next
		}
		p.drop()
		if s.progress != nil {
			s.progress(min(at, s.size))
		}
	}
}
