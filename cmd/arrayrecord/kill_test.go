package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// killsEnv says at how many moments the commands are killed, all together.
const killsEnv = "ARRAYRECORD_KILLS"

const killedGroup = 5

func killedRecord(i int) []byte {
	return bytes.Repeat(fmt.Appendf(nil, "record %d ", i), 200+i%50)
}

func killedRecords(begin, end int) (all [][]byte) {
	for i := begin; i < end; i++ {
		all = append(all, killedRecord(i))
	}
	return all
}

func writeKilled(t *testing.T, name string, records [][]byte) {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name, arrayrecord.WithGroupSize(killedGroup), arrayrecord.Uncompressed(), arrayrecord.WriterOptions{NoSync: true})
	require.NoError(t, err)
	for _, record := range records {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
}

func recordsIn(t *testing.T, name string) [][]byte {
	t.Helper()
	r, err := arrayrecord.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	all, err := recordtest.All(t.Context(), r)
	require.NoError(t, err)
	return all
}

func requireEqualRecords(t *testing.T, want, got [][]byte, when string) {
	t.Helper()
	require.Len(t, got, len(want), when)
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), "%s: record %d", when, i)
	}
}

// A killedJob is a command that is killed at some moment, and what must be true then.
type killedJob struct {
	name   string
	args   []string
	stdout string                                 // a file for it, or none
	before func()                                 // makes what the command changes
	after  func(t *testing.T, when string) string // gives what it found
}

// run runs the command, and kills it after that time; 0 is never. True if it was killed.
func (j *killedJob) run(t *testing.T, after time.Duration) bool {
	t.Helper()
	j.before()
	cmd := exec.Command("/proc/self/exe", j.args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if j.stdout != "" {
		out, err := os.Create(j.stdout)
		require.NoError(t, err)
		defer out.Close()
		cmd.Stdout = out
	}
	require.NoError(t, cmd.Start())
	if after > 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err := cmd.Wait()
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); after > 0 && status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true
	}
	require.NoError(t, err, "%s: %s", j.name, stderr.String())
	return false
}

// Commands that are killed at any moment leave no broken file under a name that was asked for, and
// what they leave of one that has no other place to be written to than its own is saved by repair.
func TestKilledAtRandomMoments(t *testing.T) {
	kills, n := 18, 2000
	if text := os.Getenv(killsEnv); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
		n = 10000 // so that more of the time is work
	}
	ctx := context.Background()
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	const old = 52
	all := killedRecords(0, n)
	whole, tfrecords, damaged, out := path("whole"), path("in.tfrecord"), path("damaged"), path("out")
	writeKilled(t, whole, all)
	f, err := os.Create(tfrecords)
	require.NoError(t, err)
	w, err := tfrecord.NewWriter(f)
	require.NoError(t, err)
	for _, record := range all {
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
	require.NoError(t, f.Close())
	reference, err := os.ReadFile(whole)
	require.NoError(t, err)
	packed, err := os.ReadFile(tfrecords)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(damaged, reference[:len(reference)-65536], 0o666))
	r, err := arrayrecord.Open(ctx, whole)
	require.NoError(t, err)
	defer r.Close()

	replace := func() { writeKilled(t, out, all[:old]) } // the file that is replaced
	// The old file or the new one.
	oneOf := func(t *testing.T, when string) string {
		got := recordsIn(t, out)
		if len(got) == old {
			requireEqualRecords(t, all[:old], got, when)
			return "old"
		}
		requireEqualRecords(t, all, got, when)
		return "new"
	}
	options := fmt.Sprintf("group_size:%d,uncompressed", killedGroup)
	jobs := []*killedJob{
		{name: "write", args: []string{"pack", tfrecords, "-o", out, "--overwrite", "--options", options}, before: replace, after: oneOf},
		{name: "write to a pipe's end", args: []string{"pack", tfrecords, "-o", "-", "--options", options}, stdout: path("stream"),
			before: func() {},
			after: func(t *testing.T, when string) string {
				have, err := os.ReadFile(path("stream"))
				require.NoError(t, err)
				require.True(t, bytes.HasPrefix(reference, have), when)
				complete := 0 // records of chunks that are there as a whole
				for c := 0; c < r.NumChunks(); c++ {
					if offset, size := r.ChunkExtent(c, c+1); offset+size <= int64(len(have)) {
						_, complete = r.ChunkRecords(c)
					}
				}
				if len(have) == 0 {
					return "nothing"
				}
				report, err := arrayrecord.Repair(ctx, path("stream"), path("saved"), arrayrecord.RepairOptions{})
				require.NoError(t, err, when)
				require.Equal(t, complete, report.Records, when)
				requireEqualRecords(t, all[:complete], recordsIn(t, path("saved")), when)
				if complete == n {
					return "all"
				}
				return "a part"
			}},
		{name: "append", args: []string{"append", out, whole + fmt.Sprintf("[%d:%d]", old, n)}, before: replace,
			after: func(t *testing.T, when string) string {
				if r, err := arrayrecord.Open(ctx, out); err == nil {
					require.NoError(t, r.Close())
					return oneOf(t, when)
				}
				report, err := arrayrecord.Repair(ctx, out, path("saved"), arrayrecord.RepairOptions{})
				require.NoError(t, err, when)
				require.GreaterOrEqual(t, report.Records, old, "%s: %v", when, report.Damage)
				requireEqualRecords(t, all[:report.Records], recordsIn(t, path("saved")), when)
				return "repaired"
			}},
		{name: "repair", args: []string{"repair", damaged, out}, before: replace, after: oneOf},
		{name: "recompress", args: []string{"recompress", whole, "-o", out, "--overwrite", "--options", "zstd:1"}, before: replace, after: oneOf},
		{name: "unpack", args: []string{"unpack", whole, "--to", "tfrecord", "-o", path("out.tfrecord"), "--overwrite"},
			before: func() { require.NoError(t, os.WriteFile(path("out.tfrecord"), []byte("old"), 0o666)) },
			after: func(t *testing.T, when string) string {
				got, err := os.ReadFile(path("out.tfrecord"))
				require.NoError(t, err)
				if string(got) == "old" {
					return "old"
				}
				require.True(t, bytes.Equal(packed, got), when)
				return "new"
			}},
	}
	for k, job := range jobs {
		begin := time.Now()
		require.False(t, job.run(t, 0))
		took := time.Since(begin)
		require.NotEqual(t, "old", job.after(t, job.name))
		outcomes := map[string]int{}
		for i := 0; i < (kills-k+len(jobs)-1)/len(jobs); i++ {
			after := 1 + time.Duration(rand.Int64N(int64(took)*11/10))
			outcome := "finished"
			if job.run(t, after) {
				outcome = "killed"
			}
			outcome += ": " + job.after(t, fmt.Sprintf("%s, killed after %v of %v", job.name, after, took))
			outcomes[outcome]++
		}
		t.Logf("%-22s %v", job.name, outcomes)
	}
	_, err = storage.RemoveStale(ctx, dir, storage.StaleOptions{})
	require.NoError(t, err)
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
