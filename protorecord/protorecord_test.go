package protorecord_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/protorecord"
)

func TestUnmarshal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.arrayrecord")
	w, err := arrayrecord.Create(t.Context(), name)
	require.NoError(t, err)
	for _, text := range []string{"a", "b"} {
		record, err := proto.Marshal(wrapperspb.String(text))
		require.NoError(t, err)
		require.NoError(t, w.Write(record))
	}
	require.NoError(t, w.Write([]byte{0xff}))
	require.NoError(t, w.Close())
	r, err := arrayrecord.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	var got []string
	for message, err := range arrayrecord.Decode(r.Scan(t.Context(), 0, 3), protorecord.Unmarshal[*wrapperspb.StringValue]) {
		if err != nil {
			require.ErrorContains(t, err, "record 2 of the sequence: not a google.protobuf.StringValue: ")
			require.Nil(t, message)
			continue
		}
		got = append(got, message.GetValue())
	}
	require.Equal(t, []string{"a", "b"}, got)
}
