package sink

import (
	"crypto/rand"
	"encoding/json"
	"flag"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A RunID tells one run of a pipeline from all others. The empty one becomes
// one of its own when the DoFn that has it is sent to a runner: the same for
// all that the runner does for this job, whatever it repeats, and another one
// when the same pipeline runs again.
//
// Each DoFn gets one of its own in this way, and none needs to know another's.
type RunID string

// NewRunID returns a RunID for a pipeline that is built for one run.
func NewRunID() RunID {
	if isTemplate() {
		return ""
	}
	return RunID(rand.Text())
}

// isTemplate reports whether what is sent to the runner is to run many times.
// Each of them has to make its RunIDs itself then.
func isTemplate() bool {
	f := flag.Lookup("template_location") // of Dataflow
	return f != nil && f.Value.String() != ""
}

// MarshalJSON is how Beam sends DoFns.
func (r RunID) MarshalJSON() ([]byte, error) {
	if r == "" {
		r = NewRunID()
	}
	return json.Marshal(string(r))
}

// Identify makes a RunID where nobody has made one before. Each DoFn of the
// sink does it when it is set up.
func (c *Config) Identify() {
	if c.Run == "" {
		c.Run = RunID(rand.Text())
	}
}

// RunDir is the directory for temporary files of this run: a hidden name that
// nobody had before, so that it can be removed with all that is in it.
func (c Config) RunDir() string {
	_, base := storage.Split(c.Prefix)
	// Kept recognizable, and far from the limits of file systems.
	if len(base) > 100 {
		base = base[:100]
	}
	return storage.Join(c.TempDir, tempPrefix+base+"-"+string(c.Run))
}

// tempPrefix is what the names of directories for temporary files begin with.
const tempPrefix = ".temp-"
