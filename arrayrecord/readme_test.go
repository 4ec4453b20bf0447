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

// All Go code in these pages stands in the tested examples.
func TestPagesShowTestedCode(t *testing.T) {
	examples := ""
	for _, file := range []string{"example_test.go", filepath.Join("..", "storage", "gcs", "example_test.go"), filepath.Join("..", "tfexample", "example_test.go"), filepath.Join("..", "otelmetrics", "example_test.go")} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		examples += string(text)
	}
	for name, atLeast := range map[string]int{"guide.md": 9, "sampling.md": 1} {
		page, err := os.ReadFile(filepath.Join("..", "docs", name))
		require.NoError(t, err)
		blocks := strings.Split(string(page), "```go\n")[1:]
		require.GreaterOrEqual(t, len(blocks), atLeast, name)
		for _, block := range blocks {
			code, _, closed := strings.Cut(block, "```")
			require.True(t, closed)
			require.True(t, strings.Contains(examples, code), "%s: not in an example:\n%s", name, code)
		}
	}
}
