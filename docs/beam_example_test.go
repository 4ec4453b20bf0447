package docs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window/trigger"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/teststream"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// The blocks of Go in beam.md are the pieces between "// doc" and "// end" of
// this file; TestBeamGuide compares them.

func TestMain(m *testing.M) { beamtest.Main(m) }

func TestBeamGuide(t *testing.T) {
	guide, err := os.ReadFile("beam.md")
	require.NoError(t, err)
	tests, err := os.ReadFile("beam_example_test.go")
	require.NoError(t, err)
	tested := map[string]bool{}
	for _, piece := range regexp.MustCompile(`(?ms)^\t*// doc\n(.*?)\n\t*// end$`).FindAllStringSubmatch(string(tests), -1) {
		lines := strings.Split(strings.TrimRight(piece[1], "\n"), "\n")
		indent := len(lines[0]) - len(strings.TrimLeft(lines[0], "\t"))
		for i, line := range lines {
			lines[i] = strings.TrimPrefix(line, strings.Repeat("\t", indent))
		}
		tested[strings.Join(lines, "\n")] = true
	}
	blocks := regexp.MustCompile("(?ms)^<!-- tested -->\n```go\n(.*?)\n```$").FindAllStringSubmatch(string(guide), -1)
	require.Greater(t, len(blocks), 10)
	for _, block := range blocks {
		require.True(t, tested[block[1]], "not part of a test: %s", block[1])
		delete(tested, block[1])
	}
	require.Empty(t, tested, "tested, but not in the guide")
}

// ok keeps the examples short.
func ok(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// inTempDir runs an example in a directory of its own, with some input.
func inTempDir(example func()) {
	dir, err := os.MkdirTemp("", "")
	ok(err)
	defer os.RemoveAll(dir)
	before, err := os.Getwd()
	ok(err)
	ok(os.Chdir(dir))
	defer func() { ok(os.Chdir(before)) }()
	_, err = pipelines.Run(context.Background(), "prism", pipelines.NewExampleToTFRecord("movies"))
	ok(err)
	_, err = pipelines.Run(context.Background(), "prism", pipelines.NewExampleToArrayRecord("movies"))
	ok(err)
	example()
}

func show(pattern string) {
	files, err := storage.List(context.Background(), pattern)
	ok(err)
	for _, file := range files {
		r, err := arrayrecord.Open(context.Background(), file.Name)
		ok(err)
		fmt.Println(file.Name, r.NumRecords())
		ok(r.Close())
	}
}

func Example_convert() {
	inTempDir(func() {
		ctx := context.Background()
		// doc
		c := pipelines.NewTFRecordToArrayRecord("movies-*.tfrecord", "out/movies")
		c.NumShards = 4
		result, err := pipelines.Run(ctx, "prism", c)
		// end
		ok(err)
		fmt.Println(result.RecordsWritten, "records")
		show("out/*")
	})
	// Output:
	// 4 records
	// out/movies-00000-of-00004.arrayrecord 1
	// out/movies-00001-of-00004.arrayrecord 1
	// out/movies-00002-of-00004.arrayrecord 1
	// out/movies-00003-of-00004.arrayrecord 1
}

func Example_parse() {
	inTempDir(func() {
		args := []string{"--input=movies-*.tfrecord", "--output=out/", "--overwrite_extension"}
		// doc
		p, runner, err := pipelines.Parse("convert_tf_to_arrayrecord_gcs", args)
		// end
		ok(err)
		_, err = pipelines.Run(context.Background(), runner, p)
		ok(err)
		show("out/*")
	})
	// Output: out/movies-00000-of-00001.arrayrecord 4
}

func Example_read() {
	inTempDir(func() {
		ctx := context.Background()
		// doc
		p, s := beam.NewPipelineWithRoot()
		records := arrayrecordio.Read(s, "movies-*.arrayrecord")
		// end
		passert.Count(s, records, "records", 4)
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		fmt.Println("4 records")
	})
	// Output: 4 records
}

// count counts the records of its process.
func count([]byte) { counted.Add(1) }

var counted atomic.Int64

func init() { register.Function1x0(count) }

func Example_watch() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		end := time.Now().Add(time.Second)
		// doc
		found := fileio.MatchContinuously(s, "movies-*.arrayrecord", time.Second, fileio.MatchEnd(end))
		arrived := arrayrecordio.ReadFiles(s, found)
		// end
		beam.ParDo0(s, count, arrived)
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		fmt.Println(counted.Load(), "records")
	})
	// Output: 4 records
}

func Example_damage() {
	inTempDir(func() {
		ctx := context.Background()
		data, err := os.ReadFile("movies-00000-of-00001.arrayrecord")
		ok(err)
		data[80] ^= 1 // within the first chunk, which has the first record
		ok(os.WriteFile("movies-00000-of-00001.arrayrecord", data, 0o666))
		p, s := beam.NewPipelineWithRoot()
		// doc
		var damaged beam.PCollection
		records := arrayrecordio.Read(s, "movies-*.arrayrecord", arrayrecordio.WithSalvage(&damaged))
		dofns.WriteDeadLetters(s, "damaged.jsonl", damaged)
		// end
		passert.Count(s, records, "records", 3)
		_, err = beam.Run(ctx, "prism", p)
		ok(err)
		text, err := os.ReadFile("damaged.jsonl")
		ok(err)
		fmt.Println(regexp.MustCompile(`[^"]*(movies[^"]*)","error.*`).ReplaceAllString(string(text), "$1"))
	})
	// Output: {"element":"movies-00000-of-00001.arrayrecord[0:1]
}

// doc
// describe says where a record comes from.
func describe(r arrayrecordio.Record) string {
	return fmt.Sprintf("%s record %d: %d bytes", r.File, r.Index, len(r.Data))
}

func init() { register.Function1x1(describe) }

// end

func Example_readWithNames() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		// doc
		patterns := beam.Create(s, "movies-*.arrayrecord", "movies-00000-of-00001.arrayrecord[1:3]")
		lines := beam.ParDo(s, describe, arrayrecordio.ReadAllRecords(s, patterns))
		// end
		arrayrecordio.Write(s, "lines", lines)
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("lines*")
	})
	// Output: lines-00000-of-00001.arrayrecord 6
}

func Example_write() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		records := tfrecordio.Read(s, "movies-*.tfrecord")
		// doc
		names := arrayrecordio.Write(s, "out/train", records,
			arrayrecordio.WithNumShards(2),
			arrayrecordio.WithWriterOptions("group_size:16,zstd:5"))
		// end
		_ = names
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("out/*")
	})
	// Output:
	// out/train-00000-of-00002.arrayrecord 2
	// out/train-00001-of-00002.arrayrecord 2
}

// doc
// language says where a line goes.
func language(line string) string { return line[:2] }

func init() { beam.RegisterFunction(language) }

// end

func Example_destinations() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		// doc
		lines := beam.Create(s, "en hello", "de hallo", "en bye")
		var shards beam.PCollection
		arrayrecordio.Write(s, "by-language/", lines, arrayrecordio.WithDestination(language), arrayrecordio.WithShards(&shards))
		// end
		passert.Count(s, shards, "shards", 2)
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("by-language/*")
	})
	// Output:
	// by-language/de-00000-of-00001.arrayrecord 1
	// by-language/en-00000-of-00001.arrayrecord 2
}

func Example_windows() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		stream := teststream.NewConfig()
		ok(stream.AddElements(1000, []byte("a"), []byte("b")))
		stream.AdvanceWatermark(3600e3)
		ok(stream.AddElements(2000, []byte("late")))
		stream.AdvanceWatermarkToInfinity()
		records := teststream.Create(s, stream)
		// doc
		hourly := beam.WindowInto(s, window.NewFixedWindows(time.Hour), records,
			beam.Trigger(trigger.AfterEndOfWindow().
				EarlyFiring(trigger.AfterProcessingTime().PlusDelay(10*time.Minute)).
				LateFiring(trigger.AfterCount(1))),
			beam.AllowedLateness(24*time.Hour), beam.PanesDiscard())
		arrayrecordio.Write(s, "hourly/events-", hourly, arrayrecordio.WithWindowedWrites(), arrayrecordio.WithNumShards(2))
		// end
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("hourly/*")
	})
	// Output:
	// hourly/events-1970-01-01T00:00:00.000Z-1970-01-01T01:00:00.000Z-pane-0-00000-of-00002.arrayrecord 1
	// hourly/events-1970-01-01T00:00:00.000Z-1970-01-01T01:00:00.000Z-pane-0-00001-of-00002.arrayrecord 1
	// hourly/events-1970-01-01T00:00:00.000Z-1970-01-01T01:00:00.000Z-pane-1-late-00000-of-00002.arrayrecord 1
	// hourly/events-1970-01-01T00:00:00.000Z-1970-01-01T01:00:00.000Z-pane-1-late-00001-of-00002.arrayrecord 0
}

func Example_writeToArrayRecord() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		records := tfrecordio.Read(s, "movies-*.tfrecord")
		// doc
		arrayrecordio.WriteToArrayRecord(s, arrayrecordio.WriteToArrayRecordParams{
			FilePathPrefix: "out/train",
			FileNameSuffix: ".array_record",
			NumShards:      2,
		}, records)
		// end
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("out/*")
	})
	// Output:
	// out/train-00000-of-00002.array_record 2
	// out/train-00001-of-00002.array_record 2
}

func Example_oneObjectPerFile() {
	inTempDir(func() {
		ctx := context.Background()
		_, err := fakegcs.Start()
		ok(err)
		p, s := beam.NewPipelineWithRoot()
		// doc
		records := tfrecordio.ReadAllWithFilename(s, beam.Create(s, "movies-*.tfrecord"))
		var failed beam.PCollection
		dofns.ConvertToArrayRecordGCS(s, "gs://bucket/train", beam.GroupByKey(s, records),
			dofns.WithOverwriteExtension(), dofns.WithDeadLetters(&failed))
		dofns.WriteDeadLetters(s, "gs://bucket/failed.jsonl", failed)
		// end
		_, err = beam.Run(ctx, "prism", p)
		ok(err)
		r, err := arrayrecord.Open(ctx, "gs://bucket/train/movies-00000-of-00001.arrayrecord")
		ok(err)
		fmt.Println(r.NumRecords(), "records")
		ok(r.Close())
	})
	// Output: 4 records
}

func Example_files() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		// doc
		files := beam.Create(s, "movies-00000-of-00001.tfrecord")
		dofns.TFRecordFileToArrayRecord(s, dofns.NameOutputs(s, "out", files))
		// end
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("out/*")
	})
	// Output: out/movies-00000-of-00001.tfrecord.arrayrecord 4
}

func Example_tfRecords() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		// doc
		records := arrayrecordio.Read(s, "movies-*.arrayrecord")
		tfrecordio.Write(s, "back/movies", records,
			arrayrecordio.WithSuffix(".tfrecord"), arrayrecordio.WithNumShards(2))
		// end
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		names, err := filepath.Glob("back/*.tfrecord")
		ok(err)
		fmt.Println(strings.Join(names, "\n"))
	})
	// Output:
	// back/movies-00000-of-00002.tfrecord
	// back/movies-00001-of-00002.tfrecord
}

// doc
// shout is a conversion of single records.
func shout(record []byte) []byte { return []byte(strings.ToUpper(string(record))) }

func init() { register.Function1x1(shout) }

// end

func Example_customConversion() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		// doc
		records := beam.ParDo(s, shout, arrayrecordio.Read(s, "movies-*.arrayrecord"))
		arrayrecordio.Write(s, "loud/movies", records, arrayrecordio.WithWriterOptions("group_size:1000,brotli:9"))
		// end
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("loud/*")
	})
	// Output: loud/movies-00000-of-00001.arrayrecord 4
}

// doc
// parseFn gives good records to its first output, and what is wrong with the
// others to its second one.
type parseFn struct{}

func (*parseFn) ProcessElement(r arrayrecordio.Record, good func([]byte), bad func(dofns.DeadLetter)) {
	if err := check(r.Data); err != nil {
		bad(dofns.DeadLetter{Element: fmt.Sprintf("%s[%d]", r.File, r.Index), Error: err.Error()})
		return
	}
	good(r.Data)
}

func init() { register.DoFn3x0[arrayrecordio.Record, func([]byte), func(dofns.DeadLetter)](&parseFn{}) }

// end

func check(record []byte) error {
	if strings.Contains(string(record), "Barbie") {
		return errors.New("a movie for children")
	}
	return nil
}

func Example_errors() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		// doc
		patterns := beam.Create(s, "movies-*.arrayrecord")
		good, bad := beam.ParDo2(s, &parseFn{}, arrayrecordio.ReadAllRecords(s, patterns))
		arrayrecordio.Write(s, "good/movies", good)
		dofns.WriteDeadLetters(s, "bad.jsonl", bad)
		// end
		_, err := beam.Run(ctx, "prism", p)
		ok(err)
		show("good/*")
		text, err := os.ReadFile("bad.jsonl")
		ok(err)
		fmt.Print(string(text))
	})
	// Output:
	// good/movies-00000-of-00001.arrayrecord 3
	// {"element":"movies-00000-of-00001.arrayrecord[2]","error":"a movie for children"}
}

// doc
// measureFn counts records, and how long the work on each takes.
type measureFn struct {
	records beam.Counter
	micros  beam.Distribution
}

func (f *measureFn) Setup() {
	f.records = beam.NewCounter("mine", "records")
	f.micros = beam.NewDistribution("mine", "micros")
}

func (f *measureFn) ProcessElement(ctx context.Context, record []byte, emit func([]byte)) {
	begun := time.Now()
	emit(shout(record))
	f.records.Inc(ctx, 1)
	f.micros.Update(ctx, time.Since(begun).Microseconds())
}

func init() { register.DoFn3x0[context.Context, []byte, func([]byte)](&measureFn{}) }

// end

func Example_monitoring() {
	inTempDir(func() {
		ctx := context.Background()
		p, s := beam.NewPipelineWithRoot()
		records := beam.ParDo(s, &measureFn{}, arrayrecordio.Read(s, "movies-*.arrayrecord"))
		arrayrecordio.Write(s, "out/movies", records)
		// doc
		result, err := beam.Run(ctx, "prism", p)
		if err != nil {
			log.Fatal(err)
		}
		all := result.Metrics().Query(func(r metrics.SingleResult) bool { return true })
		for _, c := range all.Counters() {
			fmt.Println(c.Namespace(), c.Name(), c.Result())
		}
		// end
	})
	// Unordered output:
	// mine records 4
	// arrayrecord files_found 1
	// arrayrecord bytes_found 131072
	// arrayrecord files_read 1
	// arrayrecord records_read 4
	// arrayrecord bytes_read 131072
	// arrayrecord files_written 1
	// arrayrecord records_written 4
	// arrayrecord bytes_written 131072
}
