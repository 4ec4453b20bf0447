// Package beamtest is what tests of pipelines have in common.
package beamtest

import (
	"fmt"
	"os"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
)

// Main is TestMain for a package whose tests run pipelines on Prism, which it
// must import. They have a directory of their own for temporary files, which
// goes away with them: Beam leaves a file there for each job.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "beamtest-")
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	code := 1
	if err == nil {
		code = ptest.MainRet(m)
		err = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
