// Command beam measures conversions of TFRecord files into ArrayRecord shards by
// arrayrecord-beam against a plain loop in Go and against upstream's Beam
// transform in Python, each in a process of its own, in turns.
//
//	make bench-beam BENCH_FLAGS="--size=full --repeat=3 --report=docs/beam-performance.md"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A shape is an input and what is made of it.
type shape struct {
	name           string
	files, records int // records of all files
	bytes          int // of a record
	shards         int
	python         bool // upstream is measured too
}

// shapes gives those of a size: bytes in all, in proportion to a GB.
func shapes(part int) []shape {
	const kb, mb = 1000, 1000000
	return []shape{
		{"1,000,000 records of 1 KB in 8 files to 8 shards", 8, 1000000 / part, kb, 8, true},
		{"1,000,000 records of 1 KB in 8 files, number of shards left open", 8, 1000000 / part, kb, 0, true},
		{"1,000 records of 1 MB in 8 files to 8 shards", 8, 1000 / part, mb, 8, true},
		{"1,000,000 records of 1 KB in one file to 8 shards", 1, 1000000 / part, kb, 8, false},
		{"1,000,000 records of 1 KB in 2,000 files to 8 shards", 2000 / part, 1000000 / part, kb, 8, false},
		{"1,000,000 records of 1 KB in 8 files to 1,000 shards", 8, 1000000 / part, kb, 1000 / part, false},
	}
}

func main() {
	log.SetFlags(0)
	size := flag.String("size", "tiny", "`size` of the data: full (1 GB), small (100 MB) or tiny (10 MB)")
	repeat := flag.Int("repeat", 1, "`times` that everything is measured")
	dir := flag.String("dir", "build/bench-beam", "`directory` for data and for upstream's Python environment")
	report := flag.String("report", "", "`file` for the results, as Markdown, in addition to standard output")
	flink := flag.String("flink", "", "`host:port` of a Flink job server, to be measured too; docs/runners.md shows how to start one")
	only := flag.String("only", "", "measure the shapes whose names have this `text` in them")
	plain := flag.String("plain", "", "convert as a plain loop does: the `prefix` of the shards; for the measurement itself")
	shards := flag.Int("shards", 0, "shards of the plain loop")
	flag.Parse()
	var err error
	if *plain != "" {
		err = plainLoop(context.Background(), flag.Args(), *plain, max(*shards, 1))
	} else if part := map[string]int{"full": 1, "small": 10, "tiny": 100}[*size]; part == 0 {
		err = fmt.Errorf("unknown size %q", *size)
	} else {
		b := bench{dir: *dir, repeat: *repeat, flink: *flink}
		err = b.run(shapes(part), *only, *size, *report)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// plainLoop is what a program does that has no Beam: one file after the other,
// each record to the next shard, nothing decided twice, no temporary files.
func plainLoop(ctx context.Context, files []string, prefix string, n int) (err error) {
	writers := make([]*arrayrecord.Writer, n)
	for i := range writers {
		writers[i], err = arrayrecord.Create(ctx, fmt.Sprintf("%s-%05d-of-%05d", prefix, i, n), arrayrecord.WithWriterOptions("group_size:1"))
		if err != nil {
			return err
		}
	}
	next := 0
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		r, err := tfrecord.NewReader(f, tfrecord.WithBufferSize(1<<20))
		if err != nil {
			return err
		}
		for record, err := range r.Scan() {
			if err == nil {
				err = writers[next%n].Write(record)
			}
			if err != nil {
				return err
			}
			next++
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	for _, w := range writers {
		err = errors.Join(err, w.Close())
	}
	return err
}

type bench struct {
	dir    string
	repeat int
	flink  string
	out    strings.Builder
}

// measured is one run.
type measured struct {
	seconds  float64
	resident int64 // MB, at most
}

func (b *bench) run(all []shape, only, size, report string) error {
	for _, name := range []string{"bin/arrayrecord-beam", b.python()} {
		if _, err := os.Stat(name); err != nil {
			return fmt.Errorf("%w: make bench-beam makes it", err)
		}
	}
	fmt.Fprintf(&b.out, "# Beam at size\n\nThis page is made by\n\n```sh\nmake bench-beam BENCH_FLAGS=%q\n```\n\n", strings.Join(os.Args[1:], " "))
	fmt.Fprintf(&b.out, "Conversions of TFRecord files into ArrayRecord shards, group size 1, zstd. Medians of %d runs in which all took turns, each in a\n"+
		"process of its own: wall time from start to end of the process, and the most memory that was resident. *Plain* is a loop in Go\n"+
		"without Beam that writes each record to the next shard; *upstream* is `WriteToArrayRecord` of array_record 0.8.6 on the\n"+
		"DirectRunner of Python's Beam 2.77.0. Relative speed is that of the plain loop's time, run by run.\n\n", b.repeat)
	if size != "full" {
		fmt.Fprintf(&b.out, "The size of the data is %q: numbers of records, files and shards are a part of what the names say.\n\n", size)
	}
	for _, s := range all {
		if !strings.Contains(s.name, only) {
			continue
		}
		if err := b.shape(s); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if report == "" {
		return nil
	}
	return os.WriteFile(report, []byte(b.out.String()), 0o666)
}

func (b *bench) python() string { return filepath.Join(b.dir, "venv/bin/python") }

func (b *bench) shape(s shape) error {
	data := filepath.Join(b.dir, "data")
	if err := errors.Join(os.RemoveAll(data), os.MkdirAll(data+"/in", 0o777)); err != nil {
		return err
	}
	defer os.RemoveAll(data)
	files, err := makeInput(data+"/in", s)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	pattern, prefix, shards := data+"/in/*", data+"/out/x", fmt.Sprint(s.shards)
	convert := []string{"bin/arrayrecord-beam", "convert", "--progress=none", "--input", pattern, "--output", prefix, "--num_shards", shards}
	names := []string{"plain", "Prism"}
	commands := map[string][]string{
		"plain": append([]string{self, "--plain", prefix, "--shards", shards}, files...),
		"Prism": convert,
	}
	if b.flink != "" {
		names = append(names, "Flink")
		commands["Flink"] = append(slices.Clone(convert), "--runner=flink", "--endpoint="+b.flink, "--environment_type=LOOPBACK", "--parallelism=2")
	}
	if s.python {
		names = append(names, "upstream")
		commands["upstream"] = []string{b.python(), "bench/beam/upstream.py", pattern, prefix, shards}
	}
	results := map[string][]measured{}
	for range b.repeat {
		for _, name := range names {
			if err := errors.Join(os.RemoveAll(data+"/out"), os.MkdirAll(data+"/out", 0o777)); err != nil {
				return err
			}
			m, err := measure(commands[name])
			if err == nil {
				err = checkOutput(data+"/out", s.records)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			results[name] = append(results[name], m)
		}
	}
	b.table(s, names, results)
	return nil
}

func (b *bench) table(s shape, names []string, results map[string][]measured) {
	from := b.out.Len()
	fmt.Fprintf(&b.out, "## %s\n\n| | seconds | relative speed | MB resident |\n| --- | --- | --- | --- |\n", s.name)
	for _, name := range names {
		var seconds, speed, resident []float64
		for i, m := range results[name] {
			seconds = append(seconds, m.seconds)
			speed = append(speed, results["plain"][i].seconds/m.seconds)
			resident = append(resident, float64(m.resident))
		}
		fmt.Fprintf(&b.out, "| %s | %.2f | %.2f | %.0f |\n", name, median(seconds), median(speed), median(resident))
	}
	b.out.WriteString("\n")
	fmt.Print(b.out.String()[from:])
}

func median(values []float64) float64 {
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

// measure runs a command.
func measure(args []string) (m measured, err error) {
	cmd := exec.Command(args[0], args[1:]...)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return m, fmt.Errorf("%w: %s", err, output.String())
	}
	m.seconds = time.Since(start).Seconds()
	m.resident = cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss * 1024 / 1000000
	return m, nil
}

// checkOutput counts what was written.
func checkOutput(dir string, records int) error {
	names, err := filepath.Glob(dir + "/*")
	if err != nil {
		return err
	}
	var found int
	for _, name := range names {
		r, err := arrayrecord.Open(context.Background(), name)
		if err != nil {
			return err
		}
		found += r.NumRecords()
		if err := r.Close(); err != nil {
			return err
		}
	}
	if found != records {
		return fmt.Errorf("%d records were written, not %d", found, records)
	}
	return nil
}

// makeInput writes records half of which is random, so that they compress to
// about half their size.
func makeInput(dir string, s shape) (names []string, err error) {
	random := rand.NewChaCha8([32]byte{1})
	record := make([]byte, s.bytes)
	for i := range s.files {
		name := fmt.Sprintf("%s/%05d.tfrecord", dir, i)
		names = append(names, name)
		if err := makeFile(name, (i+1)*s.records/s.files-i*s.records/s.files, record, random); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func makeFile(name string, n int, record []byte, random io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w, err := tfrecord.NewWriter(f)
	if err != nil {
		return err
	}
	for range n {
		if _, err := random.Read(record[:len(record)/2]); err != nil {
			return err
		}
		if err := w.Write(record); err != nil {
			return err
		}
	}
	return errors.Join(w.Close(), f.Close())
}
