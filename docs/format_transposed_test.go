package docs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// ---- Section 5 ----

// exampleRecords are the records of an example, one a line; indented lines go on with the record.
func exampleRecords(t *testing.T, name string) [][]byte {
	var records [][]byte
	for _, line := range readBlocks(t)[name+"-records"].lines {
		content := hexBytes(t, strings.ReplaceAll(line, "(empty)", ""))
		if strings.HasPrefix(line, " ") {
			last := len(records) - 1
			records[last] = append(records[last], content...)
		} else {
			records = append(records, content)
		}
	}
	return records
}

func checkTransposed(t *testing.T, b block, name string) {
	records := exampleRecords(t, name)
	requireTransposed(t, allBytes(t, b), records)
}

// requireTransposed decodes by the page, and by the library if it can.
func requireTransposed(t *testing.T, data []byte, records [][]byte) {
	n, size := uint64(len(records)), sumSizes(records)
	require.NoError(t, attempt(func() {
		got, _ := decodeTransposed(data, n, size)
		requireSame(t, records, got)
	}))
	file := fileOf('t', data, n, size)
	got, err := decode(file)
	if !errors.Is(err, arrayrecord.ErrUnsupported) {
		require.NoError(t, err)
		requireSame(t, records, got)
	}
}

func checkTrace(t *testing.T, b block, name string) {
	records := exampleRecords(t, name)
	_, trace := decodeTransposed(allBytes(t, readBlocks(t)[name]), uint64(len(records)), sumSizes(records))
	require.Len(t, b.rows, len(trace))
	before := slices.Concat(records...)
	for i, row := range b.rows {
		id := hexBytes(t, plain(row[1]))
		require.Equal(t, trace[i], step{number(t, row[0]), uint64(id[0]), number(t, row[3])}, row)
		if shown := regexp.MustCompile(": `([^`]+)`$").FindStringSubmatch(row[2]); shown != nil {
			prepended := before[trace[i].pos:]
			before = before[:trace[i].pos]
			code, text, _ := strings.Cut(strings.Trim(shown[1], `"`), `"`)
			require.Equal(t, string(prepended), string(hexBytes(t, code))+text, row)
		}
		before = before[:trace[i].pos]
		if next := regexp.MustCompile(`→ (\d+)$`).FindStringSubmatch(row[4]); next != nil {
			require.Equal(t, trace[i+1].state, number(t, next[1]), row)
		} else {
			require.Len(t, trace, i+1, row)
		}
	}
}

func checkEmptyTransposed(t *testing.T, b block) {
	for _, row := range b.rows {
		requireTransposed(t, hexBytes(t, plain(row[1])), make([][]byte, number(t, row[0])))
	}
}

// Encoder 2 of section 5.10.
func TestNothingTakenApart(t *testing.T) {
	for n := 1; n < 20; n++ {
		var records [][]byte
		var reversed, lengths []byte
		for i := range n {
			r := bytes.Repeat([]byte{byte(i)}, i)
			records = append(records, r)
			reversed = append(slices.Clone(r), reversed...)
			lengths = append([]byte{byte(i)}, lengths...)
		}
		sizes := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(reversed))), uint64(len(lengths)))
		header := join([]byte{2, 2}, sizes, sizes, []byte{1, 1, 0, 0, 0})
		transitions := bytes.Repeat([]byte{3}, (n-1)/4)
		if k := (n - 1) % 4; k > 0 {
			transitions = append(transitions, byte(k-1))
		}
		data := join([]byte{0, byte(len(header))}, header, reversed, lengths, transitions)
		requireTransposed(t, data, records)
	}
}

// The page says what the library does about transposed chunks.
func TestTransposedChunksAreSupportedAsThePageSays(t *testing.T) {
	page := formatPage(t)
	_, err := decode(fileOf('t', []byte{0, 6, 0, 0, 1, 3, 0, 0}, 1, 0))
	unread := errors.Is(err, arrayrecord.ErrUnsupported)
	_, err = arrayrecord.NewWriter(io.Discard, arrayrecord.WithWriterOptions("transpose"))
	unwritten := errors.Is(err, arrayrecord.ErrUnsupported)
	require.Equal(t, unread, strings.Contains(page, "does not read transposed chunks yet"), "section 5")
	require.Equal(t, unwritten, strings.Contains(page, "does not write transposed chunks yet"), "section 5")
}
