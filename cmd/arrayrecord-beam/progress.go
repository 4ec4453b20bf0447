package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

const (
	showEvery = 200 * time.Millisecond // on a terminal
	lineEvery = 10 * time.Second       // else
	askEvery  = 2 * time.Second        // a job service
)

// A moment is how far a job is at some time.
type moment struct {
	elapsed time.Duration
	job     string // the runner's name and state of it, if known
	pipelines.Progress
}

// allRead reports whether what remains is to finish the outputs.
func (m moment) allRead() bool {
	return m.FilesFound > 0 && m.FilesRead+m.FilesFailed >= m.FilesFound
}

// verifying reports whether the input is read a first time, to find out what has to
// be left out.
func (m moment) verifying() bool { return m.FilesToVerify > 0 && m.FilesVerified < m.FilesToVerify }

// finishing says how far it is when all is read.
func (m moment) finishing() string {
	if m.RecordsCopied == 0 || m.RecordsCopied >= m.RecordsRead {
		return "finishing the output"
	}
	return fmt.Sprintf("finishing the output: %d%%", 100*m.RecordsCopied/m.RecordsRead)
}

// A display shows moments, in the order of time.
type display interface {
	show(moment)
	close()
}

// watch shows how the job goes on that is about to be started, as --progress
// asks for, until stop is called.
func (j *jobFlags) watch(cmd *cobra.Command, runner string) (stop func(), err error) {
	out := cmd.ErrOrStderr()
	var d display = &lines{out: out, every: lineEvery}
	switch strings.ToLower(j.progress) {
	case "auto":
		// A log would write into the bar.
		if j.level() == "off" && isTerminal(out) {
			d = &bar{out: out}
		}
	case "plain":
	case "none":
		return func() {}, nil
	default:
		return nil, usageError{fmt.Errorf("unknown progress %q: it is auto, plain or none", j.progress)}
	}
	return watch(cmd.Context(), j.remote(cmd, runner), d), nil
}

func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb"
}

func watch(ctx context.Context, endpoint string, d display) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	var asked atomic.Pointer[pipelines.JobStatus]
	if endpoint != "" {
		nameJob()
		name := *jobopts.JobName
		group.Go(func() { ask(ctx, endpoint, name, &asked) })
	}
	begin, before := time.Now(), pipelines.LocalProgress()
	group.Go(func() {
		for sleep(ctx, showEvery) {
			m := moment{elapsed: time.Since(begin), Progress: pipelines.LocalProgress().Since(before)}
			if s := asked.Load(); s != nil {
				m.job = s.ID + " is " + s.State
				// Of workers in this process more is known.
				if m.Progress == (pipelines.Progress{}) {
					m.Progress = s.Progress
				}
			}
			d.show(m)
		}
	})
	return func() {
		cancel()
		group.Wait()
		d.close()
	}
}

// ask asks a job service from time to time. That it cannot be asked is for the
// runner to report.
func ask(ctx context.Context, endpoint, name string, answer *atomic.Pointer[pipelines.JobStatus]) {
	for sleep(ctx, askEvery) {
		if s, err := pipelines.AskJobService(ctx, endpoint, name); err == nil && s.ID != "" {
			answer.Store(&s)
		}
	}
}

// sleep reports whether the time has passed before the context ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// lines shows one line after the other, for logs.
type lines struct {
	out   io.Writer
	every time.Duration
	last  moment // shown
	job   string // shown
}

func (l *lines) show(m moment) {
	if m.job != l.job {
		l.job = m.job
		fmt.Fprintf(l.out, "%s: job %s\n", m.elapsed.Round(time.Second), m.job)
	}
	if m.elapsed-l.last.elapsed < l.every || m.FilesFound == 0 && !m.verifying() {
		return
	}
	fmt.Fprintln(l.out, describe(l.last, m))
	l.last = m
}

func (l *lines) close() {}

// describe gives the line for m, with the speed since the last one.
func describe(last, m moment) string {
	var b strings.Builder
	if m.verifying() {
		fmt.Fprintf(&b, "%s: verifying the input: %d of %s, %s of %s", m.elapsed.Round(time.Second),
			m.FilesVerified, plural(m.FilesToVerify, "file"), formatBytes(m.BytesVerified), formatBytes(m.BytesToVerify))
		return b.String()
	}
	fmt.Fprintf(&b, "%s: %d of %s, %s read", m.elapsed.Round(time.Second), m.FilesRead, plural(m.FilesFound, "file"), plural(m.RecordsRead, "record"))
	fmt.Fprintf(&b, ", %s of %s", formatBytes(m.BytesRead), formatBytes(m.BytesFound))
	if m.BytesFound > 0 {
		fmt.Fprintf(&b, " (%d%%)", min(100*m.BytesRead/m.BytesFound, 100))
	}
	if m.FilesFailed > 0 {
		fmt.Fprintf(&b, ", %s failed", plural(m.FilesFailed, "file"))
	}
	if m.allRead() {
		return b.String() + ", " + m.finishing()
	}
	speed := float64(m.BytesRead-last.BytesRead) / (m.elapsed - last.elapsed).Seconds()
	if speed > 0 {
		left := time.Duration(float64(max(m.BytesFound-m.BytesRead, 0)) / speed * float64(time.Second))
		fmt.Fprintf(&b, ", %s/s, about %s left", formatBytes(int64(speed)), left.Round(time.Second))
	}
	return b.String()
}

// bar shows a line that changes, for terminals.
type bar struct {
	out io.Writer
	bar *progressbar.ProgressBar // nil before anything is known
	job string
}

func (b *bar) show(m moment) {
	if m.job != b.job {
		b.job = m.job
		b.clear()
		fmt.Fprintf(b.out, "job %s\n", m.job)
	}
	if m.FilesFound == 0 && !m.verifying() {
		return
	}
	done, size := m.BytesRead, max(m.BytesFound, m.BytesRead, 1)
	if m.verifying() {
		done, size = m.BytesVerified, max(m.BytesToVerify, m.BytesVerified, 1)
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(size,
			progressbar.OptionSetWriter(b.out),
			progressbar.OptionShowBytes(true),
			progressbar.OptionShowCount(),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionUseANSICodes(true),
			progressbar.OptionFullWidth(),
		)
	}
	what := fmt.Sprintf("%d/%s", m.FilesRead, plural(m.FilesFound, "file"))
	if m.verifying() {
		what = fmt.Sprintf("verifying %d/%s", m.FilesVerified, plural(m.FilesToVerify, "file"))
	}
	if m.FilesFailed > 0 {
		what += fmt.Sprintf(", %d failed", m.FilesFailed)
	}
	switch {
	case m.verifying():
	case m.allRead():
		what += ", " + m.finishing()
	default:
		what += ", " + short(m.RecordsRead) + " records"
	}
	b.bar.Describe(what)
	if size != b.bar.GetMax64() {
		b.bar.ChangeMax64(size)
	}
	// A bar that is full takes itself for finished.
	_ = b.bar.Set64(min(done, size-1))
}

func (b *bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

func (b *bar) close() { b.clear() }

// short gives a number with at most four digits.
func short(n int64) string {
	const units = "kMGTPE"
	if n < 10_000 {
		return fmt.Sprint(n)
	}
	x, unit := float64(n)/1000, 0
	for x >= 10_000 {
		x, unit = x/1000, unit+1
	}
	return fmt.Sprintf("%.0f%c", x, units[unit])
}
