package arrayrecord_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program that reads and writes records must not link Beam or a cloud SDK; the command line has
// gs:// inside, and still no Beam.
func TestDependenciesStaySmall(t *testing.T) {
	for pkg, heavies := range map[string][]string{
		"arrayrecord":     {"apache/beam", "cloud.google.com", "google.golang.org/grpc", "google.golang.org/api"},
		"cmd/arrayrecord": {"apache/beam"},
	} {
		out, err := exec.Command("go", "list", "-deps", "github.com/arrayrecord/arrayrecord-go/"+pkg).Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "arrayrecord-go/cpp")
		for dep := range strings.Lines(string(out)) {
			for _, heavy := range heavies {
				require.NotContains(t, dep, heavy, pkg)
			}
		}
	}
}
