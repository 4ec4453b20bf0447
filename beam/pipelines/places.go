package pipelines

import (
	"fmt"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

func isPrism(runner string) bool { return runner == "prism" || runner == "PrismRunner" }

// inContainers gives what a runner's workers run in that does not have the disk
// of this machine, "" if it may have.
func inContainers(runner string) string {
	switch runner {
	case "prism", "PrismRunner":
		if *jobopts.EnvironmentType == "" {
			return ""
		}
	case "dataflow", "DataflowRunner":
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
func checkPlaces(runner string, names ...string) error {
	where := inContainers(runner)
	if where == "" {
		return nil
	}
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
