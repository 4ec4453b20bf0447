package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the Dockerfile runs must be what `make container` runs, since that is
// what is tested, and what it copies must exist.
func TestDockerfileRunsTestedScriptsOnly(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	run, err := os.ReadFile("run.sh")
	require.NoError(t, err)
	stages := map[string]bool{}
	var scripts, images int
	var modules bool // are downloaded
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		switch words[0] {
		case "FROM":
			require.Len(t, words, 4, line)
			require.Equal(t, "AS", words[2], line)
			stages[words[3]] = true
			if words[1] == "scratch" {
				images++
			}
		case "RUN":
			if line == "RUN go mod download\n" {
				modules = true
				continue
			}
			scripts++
			info, err := os.Stat(filepath.Join("..", words[1]))
			require.NoError(t, err, line)
			require.NotZero(t, info.Mode()&0o111, "not executable: %s", line)
			require.Contains(t, string(run), "\n"+words[1], line)
		case "COPY":
			if stage, ok := strings.CutPrefix(words[1], "--from="); ok {
				require.True(t, stages[stage], line)
				require.Contains(t, []string{"/out/worker", "/out/commands"}, words[2])
				continue
			}
			for _, source := range words[1 : len(words)-1] {
				_, err := os.Stat(filepath.Join("..", source))
				require.NoError(t, err, line)
				// Else a change of any source costs the download.
				require.True(t, modules || source != ".", "sources are copied before the modules are there")
			}
		case "WORKDIR", "ENTRYPOINT":
		default:
			t.Errorf("nobody tests this: %s", line)
		}
	}
	require.Equal(t, 2, scripts)
	require.Equal(t, 2, images)
}
