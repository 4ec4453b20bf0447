//go:build runners

package runners

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guide gives the commands in a section of docs/runners.md.
func guide(t *testing.T, section string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/runners.md")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n## "+section+"\n")
	require.True(t, found, section)
	after, _, _ = strings.Cut(after, "\n## ")
	var commands strings.Builder
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(after, -1) {
		commands.WriteString(block[1])
	}
	require.NotEmpty(t, commands.String(), section)
	return commands.String()
}

// follow runs commands in a directory that looks like the repository with what
// make build makes, and gives both the directory and what was printed. What
// they leave running ends.
func follow(t *testing.T, commands string) (dir, printed string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"bin", "go.mod", "go.sum", "runners", "testdata"} {
		target, err := filepath.Abs(filepath.Join("..", name))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c",
		"trap 'kill $(jobs -p) || true; wait' EXIT\n"+commands)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir, string(out)
}

// hasDigits checks the files that the guide has pipelines make.
func hasDigits(t *testing.T, pattern string) {
	t.Helper()
	source, err := filepath.Glob("../testdata/digits-*-of-00003.tfrecord")
	require.NoError(t, err)
	made, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.Len(t, made, 3)
	sameRecords(t, readTFRecords(t, source...), readArrayRecords(t, made...))
}

func TestFlinkGuide(t *testing.T) {
	dir, printed := follow(t, guide(t, "Flink in the job server's process"))
	hasDigits(t, dir+"/out/digits-*")
	hasDigits(t, dir+"/out/external-*")
	require.Equal(t, 2, strings.Count(printed, "wrote  3 files  1797 records"), printed)
	require.Contains(t, printed, "starting worker", "the pool had nothing to do")
}

func TestFlinkClusterGuide(t *testing.T) {
	dir, printed := follow(t, guide(t, "Flink as processes of its own"))
	hasDigits(t, dir+"/out/digits-*")
	require.Contains(t, printed, "wrote  3 files  1797 records")
}

func TestSparkGuide(t *testing.T) {
	dir, printed := follow(t, guide(t, "Spark in the job server's process"))
	hasDigits(t, dir+"/out/digits-*")
	require.Contains(t, printed, "wrote  3 files  1797 records")
}
