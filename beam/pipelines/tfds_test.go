package pipelines

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

func writeExamples(t *testing.T, name string, n int, feature *tfexample.Feature) {
	t.Helper()
	w, err := arrayrecord.Create(t.Context(), name)
	require.NoError(t, err)
	for range n {
		record, err := tfexample.Encode(map[string]*tfexample.Feature{"x": feature})
		require.NoError(t, err)
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Close())
}

// All splits are described, whichever was written last; run again, nothing changes.
func TestTFDS(t *testing.T) {
	for _, dir := range []string{t.TempDir() + "/[d]", fakegcs.Dir(t)} {
		d := NewTFDS(dir+"/", "set")
		train, err := d.Prefix()
		require.NoError(t, err)
		require.Equal(t, dir+"/set/1.0.0/set-train.array_record", train)
		d.Split = "test"
		test, err := d.Prefix()
		require.NoError(t, err)
		writeExamples(t, train+"-00000-of-00002", 3, tfexample.Ints(1))
		writeExamples(t, train+"-00001-of-00002", 4, tfexample.Ints(1))
		writeExamples(t, test+"-00000-of-00001", 5, tfexample.Ints(1, 2))
		for range 2 {
			result, err := Run(t.Context(), "prism", d)
			require.NoError(t, err)
			require.Equal(t, int64(3), result.FilesRead)
			require.Equal(t, int64(12), result.RecordsRead)
			files := content(t, escapePattern(dir)+"/set/1.0.0/*.json")
			require.Len(t, files, 2)
			require.JSONEq(t, `{"name": "set", "version": "1.0.0", "fileFormat": "array_record", "splits": [
				{"name": "test", "shardLengths": ["5"], "numBytes": "75", "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"},
				{"name": "train", "shardLengths": ["3", "4"], "numBytes": "98", "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"}]}`,
				files["dataset_info.json"])
			require.JSONEq(t, `{"pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict", "featuresDict": {"features": {"x": {
				"pythonClassName": "tensorflow_datasets.core.features.tensor_feature.Tensor",
				"tensor": {"dtype": "int64", "encoding": "none", "shape": {"dimensions": ["-1"]}}}}}}`, files["features.json"])
		}

		// An incomplete set, and records that are no examples, change nothing.
		writeExamples(t, train+"-00003-of-00004", 1, tfexample.Ints(1))
		_, err = Run(t.Context(), "prism", d)
		require.ErrorContains(t, err, "the split train has 3 files")
		d.Name = "other"
		prefix, err := d.Prefix()
		require.NoError(t, err)
		makeArrayRecords(t, prefix+"-00000-of-00001", "group_size:1", 2)
		_, err = Run(t.Context(), "prism", d)
		require.ErrorContains(t, err, prefix+"-00000-of-00001: record 0")
		require.Empty(t, content(t, escapePattern(dir)+"/other/1.0.0/*.json"))
	}
	_, err := Run(t.Context(), "prism", &TFDS{Directory: "x", Name: "../x", Version: "1.0.0", Split: "train"})
	require.ErrorIs(t, err, ErrInvalidArgument)
	_, err = NewTFDS("", "x").Prefix()
	require.ErrorIs(t, err, ErrInvalidArgument)
}
