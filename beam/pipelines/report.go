package pipelines

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/lines"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	direct.Register4x1((*reportFn).ProcessElement)
	beam.RegisterFunction(unknownShard)
	beam.RegisterType(reflect.TypeFor[sink.Shard]())
	register.Iter1[sink.Shard]()
	register.Iter1[losses]()
}

// A report is what the last step of a job tells the program that waits for it,
// by a file: what was written and what was left out. Counters are not asked for
// that, as runners lose some of them.
type report struct {
	Losses losses       `json:"losses"`
	Shards []sink.Shard `json:"shards"` // or files, of which the name alone is known
}

// reportFile is the name of a report. It is in a directory for temporary files
// beside the output, where leftovers are looked for.
type reportFile string

func newReportFile(dir string) reportFile {
	return reportFile(storage.Join(dir, ".temp-report-"+string(sink.NewRunID()), "report.json"))
}

// add adds the step to a pipeline.
func (o reportFile) add(s beam.Scope, j job, w written) {
	if !w.losses.IsValid() {
		w.losses = beam.Create(s, losses{})
	}
	if j.shards == nil {
		w.files = beam.ParDo(s, unknownShard, w.files)
	}
	beam.ParDo0(s, &reportFn{Name: string(o)}, beam.CoGroupByKey(s, beam.AddFixedKey(s, w.losses), beam.AddFixedKey(s, w.files)))
}

func unknownShard(name string) sink.Shard { return sink.Shard{Name: name} }

// take reads the report and removes it. There is none, fs.ErrNotExist, where
// workers have other disks than this program.
func (o reportFile) take(ctx context.Context) (r report, err error) {
	if err := o.read(ctx, &r); err != nil {
		return r, fmt.Errorf("the report of the job: %w", err)
	}
	slices.SortFunc(r.Shards, func(a, b sink.Shard) int { return cmp.Compare(a.Name, b.Name) })
	// What is left of it is in nobody's way.
	_ = o.remove(ctx)
	return r, nil
}

func (o reportFile) read(ctx context.Context, r *report) (err error) {
	file, err := storage.Open(ctx, string(o))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return json.NewDecoder(io.NewSectionReader(storage.NewReaderAt(ctx, file), 0, file.Size())).Decode(r)
}

func (o reportFile) remove(ctx context.Context) error {
	dir, _ := storage.Split(string(o))
	return storage.RemoveAll(ctx, dir)
}

// reportFn writes the report.
type reportFn struct {
	Name string
}

// ProcessElement is called once, with everything.
func (f *reportFn) ProcessElement(ctx context.Context, _ int, lost func(*losses) bool, next func(*sink.Shard) bool) error {
	var r report
	if !lost(&r.Losses) {
		return errors.New("reporting what was done: it is not known what was left out")
	}
	for shard := (sink.Shard{}); next(&shard); shard = (sink.Shard{}) {
		r.Shards = append(r.Shards, shard)
	}
	text, err := json.Marshal(r)
	if err == nil {
		err = lines.Write(ctx, f.Name, []string{string(text)})
	}
	if err != nil {
		return fmt.Errorf("reporting what was done: %w", err)
	}
	return nil
}
