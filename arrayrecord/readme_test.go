package arrayrecord_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The program in the README runs as it stands there.
func TestReadmeProgram(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	require.NoError(t, err)
	_, program, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found)
	program, _, found = strings.Cut(program, "```")
	require.True(t, found)

	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, []byte(program), 0o666))
	run := exec.Command("go", "run", file)
	run.Dir = ".."
	out, err := run.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, "200 records; sizes of three: 171 169 167\n", string(out))
}

// All code in the guide stands in the tested examples.
func TestGuideShowsTestedCode(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join("..", "docs", "guide.md"))
	require.NoError(t, err)
	examples, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	buckets, err := os.ReadFile(filepath.Join("..", "storage", "gcs", "example_test.go"))
	require.NoError(t, err)
	examples = append(examples, buckets...)
	blocks := strings.Split(string(guide), "```go\n")[1:]
	require.Greater(t, len(blocks), 8)
	for _, block := range blocks {
		code, _, closed := strings.Cut(block, "```")
		require.True(t, closed)
		require.True(t, strings.Contains(string(examples), code), "not in an example:\n%s", code)
	}
}
