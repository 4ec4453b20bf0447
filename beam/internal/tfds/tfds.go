// Package tfds describes ArrayRecord files of tf.Examples as TensorFlow Datasets
// does: what features they have, and how many records are in which file.
package tfds

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// FileName is what the names of the shards of a split begin with.
func FileName(dataset, split string) string { return dataset + "-" + split + "." + FileFormat }

const (
	// FileFormat is the end of the names, without the number of the shard.
	FileFormat       = "array_record"
	filepathTemplate = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
)

var shardName = regexp.MustCompile(`^-([0-9]{5,})-of-([0-9]{5,})$`)

// ParseShardNumber takes apart what follows FileName in the name of a shard.
func ParseShardNumber(end string) (shard, shards int, ok bool) {
	m := shardName.FindStringSubmatch(end)
	if m == nil {
		return 0, 0, false
	}
	shard, err := strconv.Atoi(m[1])
	shards, err2 := strconv.Atoi(m[2])
	return shard, shards, err == nil && err2 == nil && shard < shards
}

var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// CheckNames says what is wrong with the names of a dataset.
func CheckNames(dataset, version, split string) error {
	for what, name := range map[string]string{"name": dataset, "split": split} {
		if !word.MatchString(name) {
			return fmt.Errorf("the %s %q of a dataset is not made of letters, digits and _", what, name)
		}
	}
	if !regexp.MustCompile(`^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}$`).MatchString(version) {
		return fmt.Errorf("the version %q of a dataset is not three numbers such as 1.0.0", version)
	}
	return nil
}

// Features are those of some tf.Examples, by name.
type Features struct {
	Examples int64
	Seen     map[string]Feature
}

// Feature is what is known about one of them.
type Feature struct {
	Type              string // of TensorFlow Datasets; "" if it never had a value
	Examples          int64  // how many have it, with whatever values
	Shortest, Longest int
}

// Add adds a record.
func (f *Features) Add(record []byte) error {
	example, err := tfexample.Decode(record)
	if err != nil {
		return err
	}
	one := Features{Examples: 1, Seen: map[string]Feature{}}
	for name, value := range example.GetFeatures().GetFeature() {
		one.Seen[name] = describe(value)
	}
	return f.Merge(one)
}

func describe(value *tfexample.Feature) Feature {
	f := Feature{Examples: 1}
	switch {
	case value.GetBytesList() != nil:
		f.Type, f.Longest = "string", len(value.GetBytesList().GetValue())
	case value.GetFloatList() != nil:
		f.Type, f.Longest = "float32", len(value.GetFloatList().GetValue())
	case value.GetInt64List() != nil:
		f.Type, f.Longest = "int64", len(value.GetInt64List().GetValue())
	}
	f.Shortest = f.Longest
	return f
}

// Merge adds what is known about other examples.
func (f *Features) Merge(other Features) error {
	if f.Seen == nil {
		f.Seen = map[string]Feature{}
	}
	f.Examples += other.Examples
	for name, b := range other.Seen {
		a, ok := f.Seen[name]
		if !ok {
			f.Seen[name] = b
			continue
		}
		if a.Type != b.Type && a.Type != "" && b.Type != "" {
			return fmt.Errorf("the feature %q is %s in some examples and %s in others", name, min(a.Type, b.Type), max(a.Type, b.Type))
		}
		f.Seen[name] = Feature{
			Type: max(a.Type, b.Type), Examples: a.Examples + b.Examples,
			Shortest: min(a.Shortest, b.Shortest), Longest: max(a.Longest, b.Longest),
		}
	}
	return nil
}

// shape is that of a feature: a single value, a number of them, or any number.
// Only what all examples have has one of the first two.
func (f Features) shape(feature Feature) any {
	if feature.Examples == f.Examples && feature.Shortest == feature.Longest && feature.Longest > 0 {
		if feature.Longest == 1 {
			return struct{}{}
		}
		return map[string]any{"dimensions": []string{strconv.Itoa(feature.Longest)}}
	}
	return map[string]any{"dimensions": []string{"-1"}}
}

// JSON is the content of features.json.
func (f Features) JSON() ([]byte, error) {
	const classes = "tensorflow_datasets.core.features."
	features := map[string]any{}
	for name, feature := range f.Seen {
		if feature.Type == "" {
			return nil, fmt.Errorf("the feature %q has no type, as it never has a value", name)
		}
		features[name] = map[string]any{
			"pythonClassName": classes + "tensor_feature.Tensor",
			"tensor":          map[string]any{"dtype": feature.Type, "encoding": "none", "shape": f.shape(feature)},
		}
	}
	return json.MarshalIndent(map[string]any{
		"pythonClassName": classes + "features_dict.FeaturesDict",
		"featuresDict":    map[string]any{"features": features},
	}, "", "    ")
}

// A Shard is one file.
type Shard struct {
	Split         string
	Shard, Shards int
	Records       int64
	Bytes         int64 // of the data of records
}

// InfoJSON is the content of dataset_info.json, for all shards of all splits.
func InfoJSON(dataset, version string, shards []Shard) ([]byte, error) {
	type split struct {
		Name             string   `json:"name"`
		ShardLengths     []string `json:"shardLengths"`
		NumBytes         string   `json:"numBytes"`
		FilepathTemplate string   `json:"filepathTemplate"`
	}
	bySplit := map[string][]Shard{}
	for _, s := range shards {
		bySplit[s.Split] = append(bySplit[s.Split], s)
	}
	var splits []split
	for name, shards := range bySplit {
		slices.SortFunc(shards, func(a, b Shard) int { return a.Shard - b.Shard })
		one := split{Name: name, FilepathTemplate: filepathTemplate}
		var bytes int64
		for i, s := range shards {
			if s.Shard != i || s.Shards != len(shards) {
				return nil, fmt.Errorf("the split %s has %d files, among them shard %d of %d: it is not one complete set", name, len(shards), s.Shard, s.Shards)
			}
			one.ShardLengths = append(one.ShardLengths, strconv.FormatInt(s.Records, 10))
			bytes += s.Bytes
		}
		one.NumBytes = strconv.FormatInt(bytes, 10)
		splits = append(splits, one)
	}
	if len(splits) == 0 {
		return nil, errors.New("the dataset has no shards")
	}
	slices.SortFunc(splits, func(a, b split) int { return strings.Compare(a.Name, b.Name) })
	return json.MarshalIndent(map[string]any{
		"name": dataset, "version": version, "fileFormat": FileFormat, "splits": splits,
	}, "", "  ")
}
