//go:build large && linux

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// asCommand makes the test program be the command.
const asCommand = "ARRAYRECORD_BEAM_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// Memory must not grow with the input: neither records nor whole files may pile
// up anywhere between reading and writing.
func TestConversionOfOneGBStaysSmall(t *testing.T) {
	const (
		files   = 8
		records = 125_000 // of 1,000 bytes, in each file
		limit   = 600 << 20
	)
	dir := t.TempDir()
	random := rand.NewChaCha8([32]byte{})
	record := make([]byte, 1000)
	for i := range files {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("in-%d.tfrecord", i)))
		require.NoError(t, err)
		w, err := tfrecord.NewWriter(f)
		require.NoError(t, err)
		for range records {
			_, _ = random.Read(record[:500])
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		require.NoError(t, f.Close())
	}
	for _, args := range [][]string{
		{"convert", "--output", filepath.Join(dir, "some")},
		{"convert", "--output", filepath.Join(dir, "five"), "--num_shards=5", "--writer_options=group_size:256"},
		{"convert-matching", "--output", filepath.Join(dir, "matching")},
		{"convert-files", "--output", filepath.Join(dir, "files")},
	} {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.Command(self, append(args, "--input", filepath.Join(dir, "in-*.tfrecord"))...)
		cmd.Env = append(os.Environ(), asCommand+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), fmt.Sprintf("%d records", files*records))
		peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		t.Logf("%v: %d MiB, %v of processor time\n%s", args, peak>>20, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), out)
		require.Less(t, peak, int64(limit), args)
	}
}
