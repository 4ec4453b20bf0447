package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// The section of the report that --sync measures and puts there, and a report of peers keeps.
const syncTitle = "## Waiting for the disk\n"

const syncOptions = "group_size:1,zstd:3"

// A syncCase is files of lorem ipsum that are written one after the other.
type syncCase struct{ files, records int }

var syncCases = []syncCase{{100, 64}, {1, 65_536}}

// syncTimes are what a case took, by repetition: without waiting for the disk, and with it.
type syncTimes struct {
	syncCase
	bytes           int64 // of a file
	unsynced, waits []float64
}

// reportSync measures what it costs that Close waits for the disk, and puts it into the report.
func reportSync(ctx context.Context, s *settings, flags string, cases []syncCase) error {
	for _, dir := range []string{s.dir, filepath.Dir(s.report)} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	h := header{Flags: flags, Time: time.Now().UTC(), Revision: revision(), Load: loadAverage(), Repeat: s.size.repeat}
	system := fileSystem(s.dir)
	var all []syncTimes
	for _, c := range cases {
		t, err := measureSync(ctx, s.dir, c, s.size.repeat)
		if err != nil {
			return err
		}
		all = append(all, *t)
	}
	page, err := os.ReadFile(s.report)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	before, _, after := cutSection(string(page), syncTitle)
	return os.WriteFile(s.report, []byte(before+syncSection(&h, system, all)+after), 0o666)
}

// measureSync writes the files of a case both ways by turns.
func measureSync(ctx context.Context, dir string, c syncCase, repeat int) (*syncTimes, error) {
	dir, err := os.MkdirTemp(dir, "sync-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source := filepath.Join(dir, "source")
	if err := datasets[0].write(source, c.records); err != nil {
		return nil, err
	}
	records, err := loadRecords(source)
	if err != nil {
		return nil, err
	}
	t := &syncTimes{syncCase: c}
	for range repeat {
		for _, noSync := range []bool{true, false} {
			unix.Sync() // what is not on the disk yet is none of this case's
			start := time.Now()
			for i := range c.files {
				name := filepath.Join(dir, fmt.Sprint(i))
				if err := writeOne(ctx, name, records, arrayrecord.WriterOptions{NoSync: noSync}); err != nil {
					return nil, err
				}
			}
			took := time.Since(start).Seconds()
			if noSync {
				t.unsynced = append(t.unsynced, took)
			} else {
				t.waits = append(t.waits, took)
			}
			// Files are new each time.
			for i := range c.files {
				name := filepath.Join(dir, fmt.Sprint(i))
				info, err := os.Stat(name)
				if err != nil {
					return nil, err
				}
				t.bytes = info.Size()
				if err := os.Remove(name); err != nil {
					return nil, err
				}
			}
		}
	}
	return t, nil
}

func writeOne(ctx context.Context, name string, records [][]byte, options arrayrecord.WriterOptions) error {
	w, err := arrayrecord.Create(ctx, name, arrayrecord.WithWriterOptions(syncOptions), options)
	if err != nil {
		return err
	}
	defer w.Abort()
	for _, record := range records {
		if err := w.Write(record); err != nil {
			return err
		}
	}
	return w.Close()
}

func syncSection(h *header, fileSystem string, all []syncTimes) string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p(syncTitle)
	p("`Close` has a file and its directory forced to the disk before it returns; the option `NoSync` turns that off. Here is what it")
	p("costs. The other libraries do not wait, and everything else on this page is written without waiting, as they do it.\n")
	p("```sh\nmake bench BENCH_FLAGS=%q\n```\n", h.Flags)
	p("Measured at commit %s on %s, at a load average of %.1f, on %s: `%s`, %d repetitions, in which both took turns.",
		h.Revision, h.Time.Format("2 January 2006"), h.Load, fileSystem, syncOptions, h.Repeat)
	p("Medians, and in brackets the lowest and the highest; the factor is taken within a repetition.\n")
	p("| | with `NoSync`, ms per file | with waiting, ms per file | waiting takes |\n| --- | --- | --- | --- |")
	for _, t := range all {
		perFile := func(seconds []float64) string {
			x := slices.Clone(seconds)
			for i := range x {
				x[i] *= 1000 / float64(t.files)
			}
			s := summarize(x)
			return fmt.Sprintf("%s (%s–%s)", threeDigits(s.median), threeDigits(s.low), threeDigits(s.high))
		}
		var factors []float64
		for i := range t.waits {
			factors = append(factors, t.waits[i]/t.unsynced[i])
		}
		f := summarize(factors)
		files := fmt.Sprintf("%d files", t.files)
		if t.files == 1 {
			files = "one file"
		}
		p("| %s of %s records, %sB | %s | %s | %s (%s–%s) |", files, grouped(t.records), withUnit(float64(t.bytes)),
			perFile(t.unsynced), perFile(t.waits), formatRatio(f.median), threeDigits(f.low), threeDigits(f.high))
	}
	p("")
	return b.String()
}

// cutSection cuts a page around the section with a title, which is empty at the end if there is none.
func cutSection(page, title string) (before, section, after string) {
	begin := strings.Index("\n"+page, "\n"+title)
	if begin < 0 {
		return page, "", ""
	}
	section = page[begin:]
	if end := strings.Index(section[len(title):], "\n## "); end >= 0 {
		section, after = section[:len(title)+end+1], section[len(title)+end+1:]
	}
	return page[:begin], section, after
}

// fileSystem is the kind of file system that a directory is in.
func fileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if abs, absErr := filepath.Abs(dir); err == nil && absErr == nil {
		best, kind := "", ""
		for line := range strings.Lines(string(mounts)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || len(fields[1]) < len(best) {
				continue
			}
			if rest, err := filepath.Rel(fields[1], abs); err == nil && filepath.IsLocal(rest) {
				best, kind = fields[1], fields[2]
			}
		}
		if kind != "" {
			return kind
		}
	}
	return "an unknown file system"
}
