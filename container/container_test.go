//go:build container

package container

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// tree gives the contents of an image.
func tree(t *testing.T, image string) string {
	t.Helper()
	dir := os.Getenv("ARRAYRECORD_CONTAINER")
	require.NotEmpty(t, dir, "ARRAYRECORD_CONTAINER names the folder that container/build.sh has made; container/run.sh sets it")
	return filepath.Join(dir, image)
}

// inside makes a command that has the image as its whole file system.
func inside(ctx context.Context, t *testing.T, image string, args ...string) *exec.Cmd {
	t.Helper()
	require.Zero(t, os.Geteuid(), "changing the root directory needs root")
	// As container engines do.
	proc := filepath.Join(tree(t, image), "proc")
	require.NoError(t, syscall.Mount("proc", proc, "proc", 0, ""))
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(proc, syscall.MNT_DETACH)) })
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: tree(t, image), Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Dir = "/tmp"
	cmd.Env = []string{"PATH=/usr/bin"}
	return cmd
}

func TestProgramsAreStatic(t *testing.T) {
	for _, name := range []string{
		tree(t, "worker") + "/opt/apache/beam/boot",
		tree(t, "commands") + "/usr/bin/arrayrecord",
		tree(t, "commands") + "/usr/bin/arrayrecord-beam",
	} {
		f, err := elf.Open(name)
		require.NoError(t, err)
		for _, p := range f.Progs {
			require.NotEqual(t, elf.PT_INTERP, p.Type, name)
		}
		libraries, err := f.ImportedLibraries()
		require.NoError(t, err)
		require.Empty(t, libraries, name)
		require.NoError(t, f.Close())
	}
}

func TestCommandsNeedNothingElse(t *testing.T) {
	dir, err := os.MkdirTemp(tree(t, "commands")+"/tmp", "")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	for i := range 3 {
		name := fmt.Sprintf("digits-0000%d-of-00003.tfrecord", i)
		data, err := os.ReadFile("../testdata/" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o666))
	}
	there := "/tmp/" + filepath.Base(dir)
	out, err := inside(t.Context(), t, "commands", "/usr/bin/arrayrecord-beam", "convert", "--progress=none",
		"--input", there+"/*.tfrecord", "--output", there+"/out", "--num_shards", "2").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "wrote  2 files  1797 records")
	out, err = inside(t.Context(), t, "commands", "/usr/bin/arrayrecord", "info", there+"/out-00001-of-00002.arrayrecord").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "898")
}

// Beam's boot in the worker image gets the program that the job brings along,
// and runs it. Worker and job share no disk; files are in a bucket.
func TestBootRunsAPipeline(t *testing.T) {
	address, err := fakegcs.Start()
	require.NoError(t, err)
	dir := fakegcs.Dir(t)
	for i := range 3 {
		name := fmt.Sprintf("digits-0000%d-of-00003.tfrecord", i)
		data, err := os.ReadFile("../testdata/" + name)
		require.NoError(t, err)
		u, err := storage.Create(t.Context(), dir+"/in/"+name, storage.CreateOptions{})
		require.NoError(t, err)
		_, err = u.Write(data)
		require.NoError(t, err)
		require.NoError(t, u.Commit())
	}

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var log bytes.Buffer
	boot := inside(ctx, t, "worker", "/opt/apache/beam/boot", "--worker_pool")
	boot.Env = append(boot.Env, "STORAGE_EMULATOR_HOST="+address)
	boot.Stdout, boot.Stderr = &log, &log
	require.NoError(t, boot.Start())
	defer func() {
		cancel()
		_ = boot.Wait()
		if t.Failed() {
			t.Logf("boot:\n%s", &log)
		}
		// What boot was sent.
		left, err := filepath.Glob(tree(t, "worker") + "/tmp/*")
		require.NoError(t, err)
		require.NotEmpty(t, left, "the worker ran somewhere else")
		for _, name := range left {
			require.NoError(t, os.RemoveAll(name))
		}
	}()
	const pool = "localhost:50000" // boot has no flag for it
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", pool)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)

	job := exec.CommandContext(ctx, tree(t, "commands")+"/usr/bin/arrayrecord-beam", "convert", "--progress=none",
		"--input", dir+"/in/*.tfrecord", "--output", dir+"/out/digits", "--num_shards=2",
		"--environment_type=EXTERNAL", "--environment_config="+pool)
	job.Env = append(os.Environ(), "STORAGE_EMULATOR_HOST="+address)
	out, err := job.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "wrote  2 files  1797 records")
	var records int
	for i := range 2 {
		r, err := arrayrecord.Open(ctx, fmt.Sprintf("%s/out/digits-0000%d-of-00002.arrayrecord", dir, i))
		require.NoError(t, err)
		all, err := recordtest.All(ctx, r)
		require.NoError(t, err)
		records += len(all)
		require.NoError(t, r.Close())
	}
	require.Equal(t, 1797, records)
}
