package tfrecord

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadsWhatTensorFlowWrote(t *testing.T) {
	want := digits(t)

	var plain [][]byte
	for shard := range 3 {
		records, err := readAll(t, testdata(t, fmt.Sprintf("digits-%05d-of-00003.tfrecord", shard)))
		require.NoError(t, err)
		assert.Len(t, records, 599)
		plain = append(plain, records...)
	}
	assert.Equal(t, want, plain)

	for name, opts := range map[string][]ReaderOption{
		"digits-gzip.tfrecord.gz":   {WithCompression(Gzip)},
		"digits-zlib.tfrecord.zlib": {WithCompression(Zlib)},
	} {
		t.Run(name, func(t *testing.T) {
			detected, err := readAll(t, testdata(t, name))
			require.NoError(t, err)
			assert.Equal(t, want, detected)

			told, err := readAll(t, testdata(t, name), opts...)
			require.NoError(t, err)
			assert.Equal(t, want, told)
		})
	}
}

func TestWritesTheBytesThatTensorFlowWrites(t *testing.T) {
	records := digits(t)
	for shard := range 3 {
		want := testdata(t, fmt.Sprintf("digits-%05d-of-00003.tfrecord", shard))
		got := encode(t, None, records[599*shard:599*(shard+1)]...)
		assert.True(t, string(want) == string(got), "shard %d differs", shard)
	}
}
