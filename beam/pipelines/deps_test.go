package pipelines

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Which runners and cloud SDKs a program links is for the program to decide.
func TestNoRunnerIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "arrayrecord-go/beam/arrayrecordio")
	for dep := range strings.Lines(string(out)) {
		require.NotContains(t, dep, "beam/runners/")
		require.NotContains(t, dep, "beam/x/beamx")
		require.NotContains(t, dep, "cloud.google.com/go/storage")
	}
}
