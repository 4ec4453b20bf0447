package main

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// span is the records [begin, end) of a file.
type span struct {
	file       string
	begin, end int
}

// target is a file to be written of spans.
type target struct {
	name  string
	spans []span
}

// rewriting makes files of the records of other files.
type rewriting struct {
	*arrayrecord.DataSource // the other files

	a        *app
	o        *outputFlags
	options  arrayrecord.WriterOptions
	content  string // options as files record them, "" if chunks of any codec will do
	progress *status

	mu   sync.Mutex
	made []string
}

// rewrite calls fn with the files that arguments stand for. Options that flags leave open are those
// of the first file.
func (o *rewriteFlags) rewrite(ctx context.Context, a *app, args []string, fn func(*rewriting) error) error {
	if err := o.check(); err != nil {
		return err
	}
	d, err := o.ask.open(ctx, a, args...)
	if err != nil {
		return err
	}
	defer d.Close()
	r, err := arrayrecord.Open(ctx, d.Files()[0].Name)
	if err != nil {
		return err
	}
	defer r.Close()
	w := &rewriting{DataSource: d, a: a, o: &o.outputFlags, options: settings(optionsOf(r), o.writer)}
	if o.options != "" {
		if w.content, err = w.options.Recorded(); err != nil {
			return usageError{err}
		}
	}
	return fn(w)
}

// copyTo writes the targets, some at once, copying chunks as they are wherever they stay the same. If one fails none of them stays that was not there before.
func (w *rewriting) copyTo(ctx context.Context, targets []target) error {
	total := 0
	for i, t := range targets {
		for _, s := range t.spans {
			total += s.end - s.begin
			for j, other := range targets {
				if i != j && sameFile(other.name, s.file) {
					return usagef("%s is read and written; write elsewhere", s.file)
				}
			}
		}
	}
	w.progress = w.a.newStatus("records", int64(total))
	defer w.progress.close()
	g, work := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, t := range targets {
		if work.Err() != nil {
			break
		}
		g.Go(func() error { return w.write(work, t) })
	}
	err := g.Wait()
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		w.o.removeMade(ctx, w.made)
	}
	return err
}

// write writes one target.
func (w *rewriting) write(ctx context.Context, t target) error {
	out, err := w.o.create(ctx, w.a, t.name, w.options)
	if err != nil {
		return err
	}
	defer out.Abort()
	for i, s := range t.spans {
		if err := w.writeSpan(ctx, out, s, i == len(t.spans)-1); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	if t.name != "-" {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.made = append(w.made, t.name)
	}
	return nil
}

func (w *rewriting) writeSpan(ctx context.Context, out *arrayrecord.Writer, s span, last bool) error {
	r, err := arrayrecord.Open(ctx, s.file)
	if err != nil {
		return err
	}
	defer r.Close()
	group := w.options.GroupSize
	for at := s.begin; at < s.end; {
		next := s.end
		if w.mayCopy(r) {
			if end := w.copyable(out, r, at, s.end, last); end > at {
				begin, _ := chunkOf(r, at)
				_, chunk := chunkOf(r, end-1)
				// In steps, for the progress.
				chunk = min(chunk, begin+max(1, 4096/group))
				if err := out.CopyChunks(ctx, r, begin, chunk); err != nil {
					return err
				}
				_, done := r.ChunkRecords(chunk - 1)
				w.progress.add(int64(done - at))
				at = done
				continue
			}
			// Up to where both stand at the beginning of a chunk, if there is such a place.
			if (out.NumRecords()-at)%group == 0 {
				next = min(next, at+group-at%group)
			}
		}
		for record, err := range r.Scan(ctx, at, next) {
			if err != nil {
				return err
			}
			if err := out.Write(record); err != nil {
				return err
			}
			w.progress.add(1)
		}
		at = next
	}
	return nil
}

// mayCopy reports whether chunks of a file can be in the output as they are.
func (w *rewriting) mayCopy(r *arrayrecord.Reader) bool {
	if w.content == "" {
		return true
	}
	content, err := optionsOf(r).Recorded()
	return err == nil && content == w.content
}

// copyable gives the end of the records from at on whose chunks fit to the end of the output.
func (w *rewriting) copyable(out *arrayrecord.Writer, r *arrayrecord.Reader, at, end int, last bool) int {
	group := w.options.GroupSize
	begin, _ := chunkOf(r, at)
	if first, _ := r.ChunkRecords(begin); first != at || out.NumRecords()%group != 0 {
		return at
	}
	size := r.RecordGroupSize()
	full := r.NumRecords() / size * size // end of the full chunks
	done := at
	if size == group {
		done = max(at, end/size*size)
		done = min(done, max(at, full))
	}
	// A last chunk of fewer records fits to the end of everything.
	if first, past := r.ChunkRecords(r.NumChunks() - 1); last && done == first && end == past && past-first <= group {
		done = past
	}
	return done
}

// chunkOf gives the chunk that has a record, and the next one.
func chunkOf(r *arrayrecord.Reader, record int) (chunk, next int) {
	chunk = record / r.RecordGroupSize()
	return chunk, chunk + 1
}

// spans are the records of all files.
func (w *rewriting) spans() []span {
	var spans []span
	for _, f := range w.Files() {
		if f.Take > 0 {
			spans = append(spans, span{f.Name, f.Skip, f.Skip + f.Take})
		}
	}
	return spans
}

// fullChunksFirst moves the records of incomplete chunks to the end.
func fullChunksFirst(ctx context.Context, spans []span, group int) ([]span, error) {
	var full, rest []span
	add := func(to *[]span, s span) {
		if s.begin < s.end {
			*to = append(*to, s)
		}
	}
	for _, s := range spans {
		r, err := arrayrecord.Open(ctx, s.file)
		if err != nil {
			return nil, err
		}
		size := r.RecordGroupSize()
		r.Close()
		if size != group {
			add(&rest, s)
			continue
		}
		begin := min((s.begin+size-1)/size*size, s.end)
		end := max(begin, s.end/size*size)
		add(&rest, span{s.file, s.begin, begin})
		add(&full, span{s.file, begin, end})
		add(&rest, span{s.file, end, s.end})
	}
	return append(full, rest...), nil
}

// cut divides spans at records, counted over all of them. Cuts are ascending.
func cut(spans []span, cuts []int) [][]span {
	parts := make([][]span, len(cuts)+1)
	at, k := 0, 0
	for _, s := range spans {
		for s.begin < s.end {
			for k < len(cuts) && cuts[k] <= at {
				k++
			}
			n := s.end - s.begin
			if k < len(cuts) {
				n = min(n, cuts[k]-at)
			}
			parts[k] = append(parts[k], span{s.file, s.begin, s.begin + n})
			s.begin += n
			at += n
		}
	}
	return parts
}

// chunkStarts moves cuts to the beginning of the chunks that they are in, so that chunks can be
// copied.
func chunkStarts(ctx context.Context, spans []span, cuts []int) error {
	at, k := 0, 0
	for _, s := range spans {
		n := s.end - s.begin
		if k < len(cuts) && cuts[k] < at+n {
			r, err := arrayrecord.Open(ctx, s.file)
			if err != nil {
				return err
			}
			size := r.RecordGroupSize()
			r.Close()
			for ; k < len(cuts) && cuts[k] < at+n; k++ {
				record := s.begin + cuts[k] - at
				cuts[k] = max(at, at+record/size*size-s.begin)
			}
		}
		at += n
	}
	return nil
}
