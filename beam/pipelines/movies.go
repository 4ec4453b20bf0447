package pipelines

import "github.com/arrayrecord/arrayrecord-go/tfexample"

// MovieExamples returns some serialized tf.train.Examples for trying pipelines
// without data: what viewers liked, and whether they bought what was suggested
// to them. Features and values are those of upstream's examples, so that
// readers of those work with these.
//
//	Age                   int64, one
//	Movie                 bytes, some
//	Movie Ratings         float, as many
//	Suggestion            bytes, one
//	Suggestion Purchased  float, 0 or 1
//	Purchase Price        float, one
//
// The same bytes are returned each time, in slices of the caller's own.
func MovieExamples() [][]byte {
	examples := make([][]byte, len(viewers))
	for i, v := range viewers {
		example, err := tfexample.Encode(map[string]*tfexample.Feature{
			"Age":                  tfexample.Ints(v.age),
			"Movie":                tfexample.Strings(v.movies...),
			"Movie Ratings":        tfexample.Floats(v.ratings...),
			"Suggestion":           tfexample.Strings(v.suggestion),
			"Suggestion Purchased": tfexample.Floats(v.purchased),
			"Purchase Price":       tfexample.Floats(v.price),
		})
		if err != nil {
			panic(err) // these values can be encoded
		}
		examples[i] = example
	}
	return examples
}

var viewers = []struct {
	age        int64
	movies     []string
	ratings    []float32 // of the movies
	suggestion string
	purchased  float32
	price      float32
}{
	{29, []string{"The Shawshank Redemption", "Fight Club"}, []float32{9.0, 9.7}, "Inception", 1, 9.99},
	{39, []string{"The Prestige", "The Big Lebowski", "The Fall"}, []float32{9.5, 8.5, 8.5}, "Interstellar", 1, 14.99},
	{19, []string{"Barbie", "The Batman", "Boss Baby", "Oppenheimer"}, []float32{9.6, 8.2, 10.0, 4.2}, "Secret Life of Pets", 0, 25.99},
	{35, []string{"The Mothman Prophecies", "Sinister"}, []float32{8.3, 9.0}, "Hereditary", 1, 12.99},
}
