// Package bounded tells bounded PCollections from unbounded ones.
package bounded

import (
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
)

// Is reports whether a PCollection is bounded. Beam's Go SDK tells it in no
// better way than in the PCollection's text.
func Is(col beam.PCollection) bool {
	return !strings.HasSuffix(col.String(), ":unbounded}")
}
