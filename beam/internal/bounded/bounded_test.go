package bounded

import (
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/teststream"
	"github.com/stretchr/testify/require"
)

func TestIs(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	require.True(t, Is(beam.Create(s, "a")))
	stream := teststream.NewConfig()
	require.NoError(t, stream.AddElements(1, "a"))
	require.False(t, Is(teststream.Create(s, stream)))
}
