package recordpath

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for path, want := range map[string]Path{
		"a/b":                {Name: "a/b", End: -1},
		"a/b[3:17]":          {Name: "a/b", Begin: 3, End: 17},
		"a/b[3:3]":           {Name: "a/b", Begin: 3, End: 3},
		"gs://a/b[1:2][0:9]": {Name: "gs://a/b[1:2]", Begin: 0, End: 9},
		"a[3:]":              {Name: "a[3:]", End: -1},
		"a[-3:4]":            {Name: "a[-3:4]", End: -1},
		"a[3:4]x":            {Name: "a[3:4]x", End: -1},
		"":                   {End: -1},
	} {
		got, err := Parse(path)
		require.NoError(t, err, path)
		require.Equal(t, want, got, path)
	}
}

func TestRangesThatCannotBe(t *testing.T) {
	const large, backward = "the numbers of the range are too large", "the range ends before it begins"
	for path, message := range map[string]string{"a[5:4]": backward, "a[0:99999999999999999999]": large, "a[99999999999999999999:0]": large} {
		_, err := Parse(path)
		require.EqualError(t, err, path+": "+message)
	}
}
