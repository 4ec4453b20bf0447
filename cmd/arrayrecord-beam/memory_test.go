//go:build large && linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// Memory is that of a process, which the test program becomes: of the command
// "convert" and so on, or of one of these pipelines.
const asProcess = "ARRAYRECORD_BEAM_TEST_AS"

var processes = map[string]func(args []string) pipelines.Func{
	"read": func(args []string) pipelines.Func {
		return func(s beam.Scope) error {
			beam.ParDo0(s, dropRecord, arrayrecordio.Read(s, args[0]))
			return nil
		}
	},
	"groups": func(args []string) pipelines.Func {
		return func(s beam.Scope) error {
			keyed := beam.ParDo(s, keyRecord, tfrecordio.Read(s, args[0]))
			dofns.ConvertToArrayRecordGCS(s, args[1], beam.GroupByKey(s, keyed))
			return nil
		}
	},
}

func init() {
	beam.RegisterFunction(dropRecord)
	beam.RegisterFunction(keyRecord)
}

func dropRecord([]byte) {}

// keyRecord makes eight groups.
func keyRecord(record []byte) (string, []byte) { return fmt.Sprintf("group-%d", record[0]%8), record }

func TestMain(m *testing.M) {
	name := os.Getenv(asProcess)
	if name == "" {
		os.Exit(m.Run())
	}
	code := 0
	if p, ok := processes[name]; ok {
		beam.Init()
		if _, err := pipelines.Run(context.Background(), "prism", p(os.Args[1:])); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	} else {
		code = run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	fmt.Printf("\n%s", status)
	os.Exit(code)
}

// peak runs a process and gives the most memory that was resident in it, in MiB.
// Not its resource usage: that begins with what this process has.
func peak(t *testing.T, name string, args ...string) int64 {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), asProcess+"="+name)
	out, err := cmd.CombinedOutput()
	text := string(out)
	require.NoError(t, err, text[max(0, len(text)-4000):])
	_, after, found := strings.Cut(text, "\nVmHWM:")
	require.True(t, found, text)
	kilobytes, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
	require.NoError(t, err)
	t.Logf("%s %v: %d MiB, %v of processor time", name, args, kilobytes>>10, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	return kilobytes >> 10
}

// stays runs a process that must do with some MiB. On a machine with much else to do
// Prism has more work begun at once, and so it gets another chance.
func stays(t *testing.T, limit int64, name string, args ...string) {
	t.Helper()
	for range 3 {
		if peak(t, name, args...) < limit {
			return
		}
	}
	t.Errorf("%s %v takes %d MiB or more", name, args, limit)
}

// fill makes a record half of which is random.
func fill(random *rand.ChaCha8, record []byte) {
	_, _ = random.Read(record[:len(record)/2])
}

func writeTFRecords(t *testing.T, dir string, files, records, size int) (pattern string) {
	t.Helper()
	random, record := rand.NewChaCha8([32]byte{}), make([]byte, size)
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("in-%d.tfrecord", i)))
		require.NoError(t, err)
		w, err := tfrecord.NewWriter(f)
		require.NoError(t, err)
		for range records {
			fill(random, record)
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		require.NoError(t, f.Close())
	}
	return filepath.Join(dir, "in-*.tfrecord")
}

func writeArrayRecords(t *testing.T, dir string, files, records, size int) (pattern string) {
	t.Helper()
	random, record := rand.NewChaCha8([32]byte{}), make([]byte, size)
	for i := range files {
		w, err := arrayrecord.Create(t.Context(), filepath.Join(dir, fmt.Sprintf("in-%d.arrayrecord", i)), arrayrecord.WithWriterOptions("group_size:1"))
		require.NoError(t, err)
		for range records {
			fill(random, record)
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
	}
	return filepath.Join(dir, "in-*.arrayrecord")
}

// Memory must not grow with the input: neither records nor whole files may pile
// up anywhere between reading and writing.
func TestConversionOfOneGBStaysSmall(t *testing.T) {
	const (
		files   = 8
		records = 125_000 // of 1,000 bytes, in each file
		limit   = 400
	)
	dir := t.TempDir()
	input := writeTFRecords(t, dir, files, records, 1000)
	for _, args := range [][]string{
		{"convert", "--output", filepath.Join(dir, "some")},
		{"convert", "--output", filepath.Join(dir, "five"), "--num_shards=5", "--writer_options=group_size:256"},
		{"convert-matching", "--output", filepath.Join(dir, "matching")},
	} {
		stays(t, limit, "command", append(args, "--input", input, "--overwrite=replace", "--progress=none")...)
	}
	stays(t, limit, "command", "convert-files", "--output", filepath.Join(dir, "files"), "--input", input, "--progress=none")
}

// Nor with the size of records, but for a few of them.
func TestLargeRecordsOfOneGBStaySmall(t *testing.T) {
	for _, test := range []struct{ files, records, megabytes int }{{4, 250, 1}, {4, 64, 4}} {
		dir := t.TempDir()
		input := writeArrayRecords(t, dir, test.files, test.records, test.megabytes*1_000_000)
		limit := int64(400 + test.megabytes)
		stays(t, limit, "read", input)
		stays(t, limit, "command", "to-tfrecord", "--input", input, "--output", dir+"/out/x", "--num_shards=8", "--overwrite=replace", "--progress=none")
		stays(t, limit, "command", "convert", "--input", dir+"/out/x*", "--output", dir+"/back/x", "--num_shards=8", "--overwrite=replace", "--progress=none")
	}
}

// A group of records is shuffled: Prism has it in memory ten times. Whole files
// need no shuffle.
func TestGroupsOfATenthOfOneGBAreShuffled(t *testing.T) {
	address, err := fakegcs.Start()
	require.NoError(t, err)
	t.Setenv("STORAGE_EMULATOR_HOST", address)
	dir := t.TempDir()
	input := writeTFRecords(t, dir, 4, 25_000, 1000)
	stays(t, 1500, "groups", input, fakegcs.Dir(t))
	stays(t, 250, "command", "convert-files", "--input", input, "--output", fakegcs.Dir(t), "--progress=none")
}
