package arrayrecord

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/internal/systrace"
)

const appendEnv = "ARRAYRECORD_TEST_APPEND"

// This program appends to a file instead of running tests if the variable has its name.
func init() {
	if name := os.Getenv(appendEnv); name != "" {
		if err := appendInChild(name); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func appendedRecord(i int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("appended %d ", i)), 1500)
}

const appendedRecords = 250

func appendInChild(name string) error {
	w, err := Append(context.Background(), name, WithMaxParallelism(1))
	if err != nil {
		return err
	}
	for i := range appendedRecords {
		if err := w.Write(appendedRecord(i)); err != nil {
			return w.Close()
		}
	}
	return w.Close()
}

// A state is the content of a file before a step of an append.
type state struct {
	before  systrace.Call
	content []byte
}

// states appends to a file and gives what it holds before each step, and in the end.
func states(t *testing.T, name string) []state {
	t.Helper()
	var all []state
	note := func(c systrace.Call) {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		all = append(all, state{c, content})
	}
	env := append(os.Environ(), appendEnv+"="+name)
	code, output, err := systrace.Run(filepath.Dir(name), []string{"/proc/self/exe"}, env, func(c systrace.Call) systrace.Verdict {
		switch c.Name {
		case "write", "sync", "truncate", "allocate":
			note(c)
		}
		return systrace.Verdict{}
	})
	require.NoError(t, err)
	require.Zero(t, code, string(output))
	note(systrace.Call{Name: "end"})
	return all
}

func recordsOf(t *testing.T, name string) ([][]byte, error) {
	t.Helper()
	r, err := Open(t.Context(), name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return recordtest.All(t.Context(), r)
}

// equal compares without printing megabytes.
func equal(a, b [][]byte) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// requireAppended demands that a file opens with the old records or with all, and else that repair
// brings back the old ones at least; it gives which.
func requireAppended(t *testing.T, content []byte, old, all [][]byte, when string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x")
	require.NoError(t, os.WriteFile(name, content, 0o666))
	out := name + "-repaired"
	report, err := Repair(t.Context(), name, out, RepairOptions{})
	require.NoError(t, err, when)
	lost, known := report.Lost()
	repaired, err := recordsOf(t, out)
	require.NoError(t, err, when)
	require.GreaterOrEqual(t, len(repaired), len(old), "%s: %v", when, report.Damage)
	require.True(t, equal(all[:len(repaired)], repaired), "%s: %v", when, report.Damage)

	got, err := recordsOf(t, name)
	switch {
	case err != nil:
		return "repaired"
	case equal(got, all):
		require.Empty(t, report.Damage, when)
		return "new"
	}
	require.True(t, equal(got, old), when)
	require.True(t, known && lost == 0, "%s: %v", when, report.Damage)
	// The next append makes a sound file of it.
	w, err := Append(t.Context(), name, WriterOptions{NoSync: true})
	require.NoError(t, err, when)
	require.NoError(t, w.Write([]byte("one more")))
	require.NoError(t, w.Close())
	got, err = recordsOf(t, name)
	require.NoError(t, err)
	require.True(t, equal(got, append(old[:len(old):len(old)], []byte("one more"))), when)
	again, err := Verify(t.Context(), name, nil)
	require.NoError(t, err)
	require.Empty(t, again.Damage, when)
	return "old"
}

var appendOptions = []string{"group_size:7,uncompressed", "group_size:1,zstd", "group_size:50,brotli:1"}

// Killed between any two steps, or within any of them, power lost at any moment: the file is the old
// one or the new one, or one whose records repair brings back.
func TestAppendReplayed(t *testing.T) {
	if !core.Can(core.CanAppend) || !core.Can(core.CanSurvey) {
		return
	}
	for k, options := range appendOptions {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			dir := realDir(t)
			name := filepath.Join(dir, "out")
			w, err := Create(t.Context(), name, WithWriterOptions(options))
			require.NoError(t, err)
			var old [][]byte
			for i := range 40 {
				old = append(old, bytes.Repeat([]byte(fmt.Sprintf("old %d ", i)), 300))
				require.NoError(t, w.Write(old[i]))
			}
			require.NoError(t, w.Close())
			all := old
			for i := range appendedRecords {
				all = append(all[:len(all):len(all)], appendedRecord(i))
			}
			steps := states(t, name)
			rng := rand.New(rand.NewPCG(uint64(k), 3))
			outcomes := map[string]int{}
			synced := steps[0].content
			for i, s := range steps {
				when := fmt.Sprintf("before step %d of %d, %v", i, len(steps), s.before)
				// A write that a signal ends, or a loss of power tears, may have happened in part.
				outcome := requireAppended(t, s.content, old, all, when)
				require.NotEqual(t, "repaired", outcome, when)
				outcomes[outcome]++
				if s.before.Name == "sync" {
					for range 2 {
						outcomes["power: "+requireAppended(t, somePages(rng, synced, s.content), old, all, when+", power lost")]++
					}
					synced = s.content
				}
				if i+1 < len(steps) && s.before.Name != "sync" && (s.before.Name != "write" || i%3 == k%3 || i < 3) {
					for range 2 {
						outcomes["torn: "+requireAppended(t, torn(rng, s.content, steps[i+1].content), old, all, when+", torn")]++
					}
				}
			}
			require.Greater(t, outcomes["old"], 3)
			require.Equal(t, 2, outcomes["new"]) // before the last sync, and in the end
			require.Positive(t, outcomes["torn: repaired"])
			t.Log(len(steps), outcomes)
		})
	}
}

// torn is a file of which only the beginning of a change was made, up to some byte.
func torn(rng *rand.Rand, before, after []byte) []byte {
	if len(after) < len(before) { // cutting off is one step
		return before
	}
	lo := 0
	for lo < len(before) && before[lo] == after[lo] {
		lo++
	}
	if lo == len(after) {
		return before
	}
	at := lo + rng.IntN(len(after)-lo)
	result := bytes.Clone(after[:at])
	if at < len(before) {
		result = append(result, before[at:]...)
	}
	return result
}

// somePages is a file of which only some of the pages that were written are on the disk.
func somePages(rng *rand.Rand, before, after []byte) []byte {
	const page = 4096
	result := make([]byte, len(after))
	copy(result, before)
	for at := 0; at < len(after); at += page {
		if rng.IntN(2) == 0 {
			copy(result[at:min(at+page, len(after))], after[at:])
		}
	}
	return result
}

// What the disk refuses leaves the file as it was.
func TestAppendOnAFullDisk(t *testing.T) {
	if !core.Can(core.CanAppend) {
		return
	}
	for _, what := range []string{"write", "sync", "truncate", "allocate"} {
		for fail := 0; ; fail++ {
			dir := realDir(t)
			name := filepath.Join(dir, "out")
			require.NoError(t, writeInChild(name))
			before, err := os.ReadFile(name)
			require.NoError(t, err)
			n := 0
			code, output, err := systrace.Run(dir, []string{"/proc/self/exe"}, append(os.Environ(), appendEnv+"="+name), func(c systrace.Call) systrace.Verdict {
				if c.Name == what {
					if n++; n == fail*4+1 {
						return systrace.Verdict{Fail: syscall.ENOSPC}
					}
				}
				return systrace.Verdict{}
			})
			require.NoError(t, err)
			if n < fail*4+1 {
				require.Positive(t, fail, what)
				require.Zero(t, code)
				break
			}
			require.Equal(t, 1, code, "%s %d", what, fail)
			require.Contains(t, string(output), "no space left on device")
			after, err := os.ReadFile(name)
			require.NoError(t, err)
			if bytes.Equal(before, after) {
				continue
			}
			// The step that would have made it what it was failed, too; or only the last sync did.
			records, err := recordsOf(t, name)
			require.NoError(t, err)
			require.True(t, len(records) == crashRecords || what == "sync" && len(records) == crashRecords+appendedRecords, "%s: %d", what, len(records))
		}
	}
}
