package settings

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type codec struct{ level int }

type options struct {
	Count int
	Name  string
	On    bool
	Codec codec
}

func TestAdd(t *testing.T) {
	var o options
	for _, more := range []options{{}, {Count: 3}, {On: true}, {Count: 3, Codec: codec{1}}, {}, {Name: "x", Codec: codec{1}}} {
		require.NoError(t, Add(&o, more))
	}
	require.Equal(t, options{3, "x", true, codec{1}}, o)
	require.EqualError(t, Add(&o, options{Count: 4}), "Count is set to 3 and to 4")
	require.EqualError(t, Add(&o, options{Codec: codec{2}}), "Codec is set to {1} and to {2}")
}

func TestSetDefault(t *testing.T) {
	a, b := 0, 7
	SetDefault(&a, 5)
	SetDefault(&b, 5)
	require.Equal(t, []int{5, 7}, []int{a, b})
}
