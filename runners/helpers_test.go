//go:build runners

package runners

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

func TestMain(m *testing.M) {
	beam.Init()
	os.Exit(m.Run())
}

// setting gives what run.sh has set.
func setting(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmpty(t, value, "%s is not set; runners/run.sh does that", name)
	return value
}

func program(t *testing.T) string { return setting(t, "ARRAYRECORD_RUNNERS_PROGRAM") }

// freePort gives a port that nobody listens at.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// A process runs until it is stopped or the test ends. If that fails, the test
// shows the end of its log.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

func start(t *testing.T, name string, args ...string) *process {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	p := &process{cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			text, err := os.ReadFile(log.Name())
			require.NoError(t, err)
			t.Logf("%s wrote:\n%s", name, text[max(0, len(text)-8000):])
		}
		require.NoError(t, log.Close())
	})
	return p
}

// kill ends the process as if its machine had lost power.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop lets the process end properly if it does that soon.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.kill()
	}
}

// waitForPort waits until the process listens.
func (p *process) waitForPort(t *testing.T, port int) {
	t.Helper()
	require.Eventually(t, func() bool {
		select {
		case <-p.done:
			require.FailNow(t, "the process has ended", "%v: %v", p.cmd.Args, p.cmd.ProcessState)
		default:
		}
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("localhost:%d", port), time.Second)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, time.Minute, 100*time.Millisecond)
}

// java gives the command line of a class of a runner's jars.
func java(t *testing.T, runner, heap, class string, args ...string) []string {
	t.Helper()
	jars := filepath.Join(setting(t, "ARRAYRECORD_RUNNERS_DIR"), runner, "*")
	return append([]string{"java", "-Xmx" + heap, "@java.options", "-cp", jars, class}, args...)
}

// startJobServer starts Beam's job service of a runner, and gives its address.
func startJobServer(t *testing.T, runner, class string, args ...string) string {
	t.Helper()
	port := freePort(t)
	line := java(t, runner, "1g", class, append(args,
		"--job-host", "localhost", "--job-port", fmt.Sprint(port), "--artifact-port", "0", "--expansion-port", "0",
		"--artifacts-dir", t.TempDir())...)
	start(t, "the job server", line...).waitForPort(t, port)
	return fmt.Sprintf("localhost:%d", port)
}

// convert runs the program and gives what it printed.
func convert(t *testing.T, args ...string) string {
	t.Helper()
	out, err := tryConvert(t, args...)
	require.NoError(t, err, out)
	return out
}

func tryConvert(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t), append([]string{"convert", "--progress=none", "--log_level=error"}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), errors.Join(err, ctx.Err())
}

// writeInput writes TFRecord files of records that are all different, and gives
// the files' pattern and the records.
func writeInput(t *testing.T, numFiles, recordsPerFile, maxSize int) (pattern string, records []string) {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for i := range numFiles {
		file, err := os.Create(filepath.Join(dir, fmt.Sprintf("in-%03d.tfrecord", i)))
		require.NoError(t, err)
		w, err := tfrecord.NewWriter(file)
		require.NoError(t, err)
		for j := range recordsPerFile {
			var b strings.Builder
			fmt.Fprintf(&b, "file %d record %d ", i, j)
			for size := random.IntN(maxSize); b.Len() < size; {
				fmt.Fprintf(&b, "%x ", random.Uint64())
			}
			records = append(records, b.String())
			require.NoError(t, w.Write([]byte(b.String())))
		}
		require.NoError(t, w.Close())
		require.NoError(t, file.Close())
	}
	return filepath.Join(dir, "in-*.tfrecord"), records
}

func readArrayRecords(t *testing.T, names ...string) (records []string) {
	t.Helper()
	for _, name := range names {
		r, err := arrayrecord.Open(t.Context(), name)
		require.NoError(t, err)
		all, err := recordtest.All(t.Context(), r)
		require.NoError(t, err, name)
		for _, record := range all {
			records = append(records, string(record))
		}
		require.NoError(t, r.Close())
	}
	return records
}

func readTFRecords(t *testing.T, names ...string) (records []string) {
	t.Helper()
	for _, name := range names {
		file, err := os.Open(name)
		require.NoError(t, err)
		r, err := tfrecord.NewReader(file)
		require.NoError(t, err)
		for {
			record, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err, name)
			records = append(records, string(record))
		}
		require.NoError(t, file.Close())
	}
	return records
}

// sameRecords checks that no record was lost or doubled, in whatever order.
func sameRecords(t *testing.T, want, got []string) {
	t.Helper()
	want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	require.Len(t, got, len(want))
	for i := range want {
		if want[i] != got[i] {
			require.FailNow(t, "records differ", "the first of them in order: %.100q, want %.100q", got[i], want[i])
		}
	}
}

// list gives the names of all files and directories in dir, hidden ones too.
func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir && err == nil {
			names = append(names, path)
		}
		return err
	}))
	return names
}
