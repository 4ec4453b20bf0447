package pipelines

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// runnerNames are those under which Beam's packages register runners, by those
// that Beam uses in Java and Python too, in lower case.
var runnerNames = map[string]string{
	"prism": "prism", "prismrunner": "prism", "direct": "prism", "directrunner": "prism",
	"universal": "universal", "portable": "universal", "portablerunner": "universal",
	"flink": "flink", "flinkrunner": "flink",
	"spark": "spark", "sparkrunner": "spark",
	"dataflow": "dataflow", "dataflowrunner": "dataflow",
}

// RunnerName gives the name under which a runner is registered in Go: "prism",
// "flink", "spark", "dataflow" or "universal". It knows the names of Java and
// Python, such as "DataflowRunner" and "PortableRunner", in any case;
// "DirectRunner" is Prism here. Other names stay as they are.
func RunnerName(name string) string {
	if known, ok := runnerNames[strings.ToLower(name)]; ok {
		return known
	}
	return name
}

// KnownRunner reports whether RunnerName knows a name.
func KnownRunner(name string) bool {
	_, ok := runnerNames[strings.ToLower(name)]
	return ok
}

// A Runner runs a pipeline, as those that are registered with Beam do.
type Runner func(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error)

var (
	runnersMutex sync.Mutex
	runners      = map[string]Runner{}
)

// RegisterRunner has Run use a runner in place of the one that is registered
// with Beam under the name.
func RegisterRunner(name string, run Runner) {
	runnersMutex.Lock()
	defer runnersMutex.Unlock()
	runners[RunnerName(name)] = run
}

func registered(name string) Runner {
	runnersMutex.Lock()
	defer runnersMutex.Unlock()
	return runners[name]
}

// defaultStaging has files be staged where Dataflow's temporary ones are, unless
// another place was given, as in Beam's other languages.
func defaultStaging(runner string) {
	staging, temp := flag.Lookup("staging_location"), flag.Lookup("temp_location")
	if runner == "dataflow" && staging != nil && temp != nil && staging.Value.String() == "" {
		// Set as a flag: Beam hands those on that were set.
		_ = flag.Set("staging_location", temp.Value.String())
	}
}

// awaitsEnd reports whether Run waits for the end of the job.
func awaitsEnd() bool { return !*jobopts.Async && !isSet("dry_run") && !isSet("template_location") }

// isSet reports whether a flag that may not exist has another value than the
// zero one.
func isSet(name string) bool {
	f := flag.Lookup(name)
	return f != nil && f.Value.String() != "" && f.Value.String() != "false"
}

func isPrism(runner string) bool { return runner == "prism" }

// inContainers gives what a runner's workers run in that does not have the disk
// of this machine, "" if it may have.
func inContainers(runner string) string {
	switch runner {
	case "prism":
		if *jobopts.EnvironmentType == "" {
			return ""
		}
	case "dataflow":
		return "Dataflow's machines"
	}
	// The constant of a container in package jobopts is what "" means.
	if t := *jobopts.EnvironmentType; t == "" || strings.EqualFold(t, "docker") {
		return "containers (the environment type DOCKER, which is the default)"
	}
	return ""
}

// checkPlaces refuses names on local disk where workers have another disk: they
// would not find their input, and their output would be lost with them.
func (j job) checkPlaces(runner string) error {
	where := inContainers(runner)
	if where == "" {
		return nil
	}
	names := slices.Concat(j.sources.Input, j.sources.InputLists, []string{j.output(), j.failures.DeadLetters})
	for _, name := range names {
		if name != "" && storage.Scheme(name) == "" {
			return invalidArgument{fmt.Errorf("%s is on the disk of this machine, and the workers run in %s: use names that all of them know, such as gs://BUCKET/NAME", name, where)}
		}
	}
	return nil
}

// sharesFiles reports whether what this process finds under a name is what the
// workers find.
func sharesFiles(runner, name string) bool { return storage.Scheme(name) != "" || isPrism(runner) }
