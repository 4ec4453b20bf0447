package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

func at(seconds int, files, records, megabytes int64) moment {
	return moment{elapsed: time.Duration(seconds) * time.Second, Progress: pipelines.Progress{
		FilesFound: 40, BytesFound: 8 << 30, FilesRead: files, RecordsRead: records, BytesRead: megabytes << 20,
	}}
}

func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := &lines{out: &out, every: 10 * time.Second}
	l.show(moment{elapsed: 11 * time.Second}) // nothing known
	l.show(at(5, 0, 1, 1))                    // not yet time
	l.show(at(10, 1, 1000, 1024))
	l.show(at(19, 2, 2000, 1500))
	l.show(at(20, 2, 2500, 2048+512))
	failed := at(30, 2, 2500, 2048+512)
	failed.FilesFailed = 1
	l.show(failed)
	done := at(41, 39, 100_000, 8<<10)
	done.FilesFailed = 1
	l.show(done)
	l.close()
	require.Equal(t, `10s: 1 of 40 files, 1000 records read, 1.0 GiB of 8.0 GiB (12%), 102.4 MiB/s, about 1m10s left
20s: 2 of 40 files, 2500 records read, 2.5 GiB of 8.0 GiB (31%), 153.6 MiB/s, about 37s left
30s: 2 of 40 files, 2500 records read, 2.5 GiB of 8.0 GiB (31%), 1 file failed
41s: 39 of 40 files, 100000 records read, 8.0 GiB of 8.0 GiB (100%), 1 file failed, finishing the output
`, out.String())
}

// A pass that looks for damage, and one that makes shards of what was read, show how
// far they are.
func TestPassesBeforeAndAfterReading(t *testing.T) {
	verifying := moment{elapsed: 10 * time.Second, Progress: pipelines.Progress{FilesToVerify: 4, BytesToVerify: 4 << 20, FilesVerified: 1, BytesVerified: 3 << 19}}
	copying := at(20, 40, 1000, 8<<10)
	copying.FilesToVerify, copying.FilesVerified, copying.RecordsCopied = 4, 4, 250
	copied := copying
	copied.elapsed, copied.RecordsCopied = 30*time.Second, 1000
	var out, line bytes.Buffer
	l, b := &lines{out: &out, every: 10 * time.Second}, &bar{out: &line}
	for _, m := range []moment{verifying, copying, copied} {
		l.show(m)
		b.show(m)
	}
	require.Equal(t, `10s: verifying the input: 1 of 4 files, 1.5 MiB of 4.0 MiB
20s: 40 of 40 files, 1000 records read, 8.0 GiB of 8.0 GiB (100%), finishing the output: 25%
30s: 40 of 40 files, 1000 records read, 8.0 GiB of 8.0 GiB (100%), finishing the output
`, out.String())
	require.Contains(t, line.String(), "verifying 1/4 files")
	require.Contains(t, line.String(), "finishing the output: 25%")
}

func TestLinesShowTheStateOfARemoteJob(t *testing.T) {
	var out bytes.Buffer
	l := &lines{out: &out, every: 10 * time.Second}
	for i, state := range []string{"", "", "job-1 is STARTING", "job-1 is RUNNING", "job-1 is RUNNING", "job-1 is DONE"} {
		l.show(moment{elapsed: time.Duration(i) * time.Minute, job: state})
	}
	require.Equal(t, "2m0s: job job-1 is STARTING\n3m0s: job job-1 is RUNNING\n5m0s: job job-1 is DONE\n", out.String())
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	b := &bar{out: &out}
	b.show(moment{})
	require.Empty(t, out.String(), "nothing is known")
	b.show(at(1, 1, 12_345, 1024))
	b.show(at(2, 20, 50_000_000, 4096))
	require.Contains(t, out.String(), "1/40 files, 12k records  12% ")
	require.Contains(t, out.String(), "20/40 files, 50M records  50% ")
	require.Contains(t, out.String(), "(4.0/8.0 GiB")
	last := at(3, 39, 60_000_000, 8<<10)
	last.FilesFailed = 1
	b.show(last)
	b.show(last) // a full bar must not be taken for the end
	require.Contains(t, out.String(), "39/40 files, 1 failed, finishing")
	out.Reset()
	b.close()
	require.NotContains(t, out.String(), "files")
	require.True(t, strings.HasSuffix(out.String(), "\r\x1b[2K\r") || strings.HasSuffix(out.String(), "\x1b[2K\r") ||
		strings.HasSuffix(out.String(), "\r\x1b[2K"), "%q", out.String())
	b = &bar{out: &out}
	b.close()
}

func TestShortNumbers(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 9999: "9999", 10_000: "10k", 9_999_499: "9999k", 12_000_000: "12M", 3e18: "3000P"} {
		require.Equal(t, want, short(n))
	}
}

// recorder is a display that keeps what it is shown.
type recorder struct {
	moments []moment
	closed  bool
}

func (r *recorder) show(m moment) { r.moments = append(r.moments, m) }
func (r *recorder) close()        { r.closed = true }

func TestWatchShowsTheJobOfThisProcess(t *testing.T) {
	var r recorder
	stop := watch(t.Context(), "", &r)
	ok(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "x"), "--progress=none")
	require.Eventually(t, func() bool { return pipelines.LocalProgress().FilesWritten > 0 }, time.Minute, time.Millisecond)
	time.Sleep(2 * showEvery)
	stop()
	require.True(t, r.closed)
	last := r.moments[len(r.moments)-1]
	require.Empty(t, last.job)
	require.EqualValues(t, 3, last.FilesFound)
	require.EqualValues(t, 3, last.FilesRead)
	require.EqualValues(t, 1797, last.RecordsRead)
	require.Equal(t, last.BytesFound, last.BytesRead)
	require.True(t, last.allRead())
}

func TestWatchAsksTheJobService(t *testing.T) {
	name := *jobopts.JobName
	*jobopts.JobName = "watched-" + filepath.Base(t.TempDir()) + t.Name()
	t.Cleanup(func() { *jobopts.JobName = name })
	ok(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "x"))
	var r recorder
	stop := watch(t.Context(), *jobopts.Endpoint, &r)
	time.Sleep(askEvery + 5*showEvery)
	stop()
	last := r.moments[len(r.moments)-1]
	require.Regexp(t, "^job-[0-9]+ is DONE$", last.job)
	require.EqualValues(t, 1797, last.RecordsRead)
}

func TestProgressFlag(t *testing.T) {
	for _, mode := range []string{"auto", "plain", "none", "PLAIN"} {
		ok(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "x"), "--progress", mode)
	}
	code, _, stderr := command(t, "convert", "--input", digits, "--output", filepath.Join(t.TempDir(), "x"), "--progress", "fancy")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, `unknown progress "fancy": it is auto, plain or none`)
}
