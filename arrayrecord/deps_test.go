package arrayrecord_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program that reads and writes records must not link Beam or a cloud SDK.
func TestDependenciesStaySmall(t *testing.T) {
	for _, pkg := range []string{"github.com/arrayrecord/arrayrecord-go/arrayrecord", "github.com/arrayrecord/arrayrecord-go/cmd/arrayrecord"} {
		out, err := exec.Command("go", "list", "-deps", pkg).Output()
		require.NoError(t, err)
		require.Contains(t, string(out), "arrayrecord-go/cpp")
		for dep := range strings.Lines(string(out)) {
			for _, heavy := range []string{"apache/beam", "cloud.google.com", "google.golang.org/grpc", "google.golang.org/api"} {
				require.NotContains(t, dep, heavy, pkg)
			}
		}
	}
}
