package pipelines

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
)

func init() {
	beam.RegisterType(reflect.TypeFor[tfrecordio.Failure]())
	register.Function1x1(deadLetter)
}

// Failures says what becomes of input files that cannot be converted: missing
// rights, damage, an unfinished copy. The zero value makes them fail the job.
type Failures struct {
	// Skip leaves them out, each as a whole, and goes on. The result counts
	// them.
	Skip bool
	// DeadLetters, if not "", is the file that their names and errors are
	// written to, as JSON lines of dofns.DeadLetter. It is written when at least
	// one file was skipped, and in any place that package storage knows.
	DeadLetters string
}

// write adds the writing of the dead letters to a pipeline.
func (f Failures) write(s beam.Scope, letters beam.PCollection) error {
	if !f.Skip || f.DeadLetters == "" {
		return nil
	}
	_, err := dofns.TryWriteDeadLetters(s, f.DeadLetters, letters)
	return err
}

func deadLetter(f tfrecordio.Failure) dofns.DeadLetter {
	return dofns.DeadLetter{Element: f.File, Error: f.Error}
}
