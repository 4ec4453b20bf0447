package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

func summary(t *testing.T, r pipelines.Result) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, printSummary(&b, r))
	return b.String()
}

func TestSummary(t *testing.T) {
	require.Equal(t, strings.Join([]string{
		"   read     1 file  1000000 records     2.5 GiB",
		"  wrote  128 files  1000000 records  1023.0 MiB",
		"   took  10.5s, 95238 records/s, 243.8 MiB/s read",
		"a", "b", "",
	}, "\n"), summary(t, pipelines.Result{
		Finished: true, Elapsed: 10500 * time.Millisecond,
		FilesRead: 1, RecordsRead: 1e6, BytesRead: 5 << 29,
		FilesWritten: 128, RecordsWritten: 1e6, BytesWritten: 1023 << 20,
		Outputs: []string{"a", "b"},
	}))
}

func TestSummaryNamesSomeOfManyFiles(t *testing.T) {
	for _, n := range []int{10, 11, 500} {
		r := pipelines.Result{Finished: true}
		for i := range n {
			r.Outputs = append(r.Outputs, fmt.Sprint("file ", i))
		}
		out := summary(t, r)
		require.LessOrEqual(t, strings.Count(out, "file "), 10)
		require.Contains(t, out, "file 0\n")
		require.True(t, strings.HasSuffix(out, fmt.Sprintf("file %d\n", n-1)))
		require.Equal(t, n > 10, strings.Contains(out, "\n...\n"))
	}
}

func TestSummaryOfAJobThatWasOnlySubmitted(t *testing.T) {
	require.Regexp(t, "^submitted", summary(t, pipelines.Result{}))
	require.Regexp(t, "^submitted job-7;", summary(t, pipelines.Result{JobID: "job-7"}))
}

// What has read nothing has no speed of reading.
func TestSummaryWithoutInput(t *testing.T) {
	require.Equal(t, "  wrote  1 file  4 records  99 B\n   took  1s\na\n", summary(t, pipelines.Result{
		Finished: true, Elapsed: time.Second, FilesWritten: 1, RecordsWritten: 4, BytesWritten: 99, Outputs: []string{"a"},
	}))
}

func TestSummaryOfWhatWasLeftOut(t *testing.T) {
	out := summary(t, pipelines.Result{
		Finished: true, FilesRead: 1, FilesKept: 2, FilesFailed: 3, ChunksFailed: 4, DeadLetters: "letters",
	})
	require.Regexp(t, `(?m)^ +kept +2 files *\n +skipped +3 files *\n +skipped +4 chunks *$`, out)
	require.Contains(t, out, "what was skipped, and why: letters\n")
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestSummaryThatCannotBeWritten(t *testing.T) {
	require.ErrorContains(t, printSummary(brokenPipe{}, pipelines.Result{Finished: true}), "broken pipe")
}

func TestFormatBytes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 1 << 62: "4.0 EiB",
	} {
		require.Equal(t, want, formatBytes(n))
	}
}
