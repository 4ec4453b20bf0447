package arrayrecord_test

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func TestDecode(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.arrayrecord")
	w, err := arrayrecord.Create(t.Context(), name)
	require.NoError(t, err)
	for _, record := range []string{"0", "1", "2", "three", "4"} {
		require.NoError(t, w.Write([]byte(record)))
	}
	require.NoError(t, w.Close())
	r, err := arrayrecord.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	number := func(record []byte) (int, error) { return strconv.Atoi(string(record)) }

	var got []int
	for n, err := range arrayrecord.Decode(r.Scan(t.Context(), 1, 5), number) {
		if err != nil {
			require.ErrorIs(t, err, strconv.ErrSyntax)
			require.ErrorContains(t, err, "record 2 of the sequence: ")
			require.Zero(t, n)
			got = append(got, -1)
			continue // there is nothing behind an error
		}
		got = append(got, n)
	}
	require.Equal(t, []int{1, 2, -1}, got)

	for n, err := range arrayrecord.Decode(r.Scan(t.Context(), 0, 5), number) {
		require.NoError(t, err)
		require.Zero(t, n)
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	calls := 0
	for _, err := range arrayrecord.Decode(r.Scan(ctx, 0, 5), number) {
		require.True(t, errors.Is(err, context.Canceled))
		calls++
	}
	require.Equal(t, 1, calls)
}
