package pipelines

import (
	"fmt"
	"log"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

func TestMovieExamples(t *testing.T) {
	examples := MovieExamples()
	require.Len(t, examples, 4)
	for _, example := range examples {
		decoded, err := tfexample.Decode(example)
		require.NoError(t, err)
		features := decoded.GetFeatures().GetFeature()
		require.Len(t, features, 6)
		movies := features["Movie"].GetBytesList().GetValue()
		require.GreaterOrEqual(t, len(movies), 2)
		require.Len(t, features["Movie Ratings"].GetFloatList().GetValue(), len(movies))
		require.Len(t, features["Age"].GetInt64List().GetValue(), 1)
		require.Len(t, features["Suggestion"].GetBytesList().GetValue(), 1)
		require.Len(t, features["Suggestion Purchased"].GetFloatList().GetValue(), 1)
		require.Len(t, features["Purchase Price"].GetFloatList().GetValue(), 1)
	}
	again := MovieExamples()
	require.Equal(t, examples, again)
	clear(examples[0])
	require.NotEqual(t, examples[0], again[0], "they share memory")
}

func ExampleMovieExamples() {
	text, err := tfexample.JSON(MovieExamples()[3])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output:
	// {
	//   "Age": [35],
	//   "Movie": ["The Mothman Prophecies", "Sinister"],
	//   "Movie Ratings": [8.3, 9.0],
	//   "Purchase Price": [12.99],
	//   "Suggestion": ["Hereditary"],
	//   "Suggestion Purchased": [1.0]
	// }
}
