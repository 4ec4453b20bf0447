package docs_test

import (
	"bytes"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// ---- Section 8 ----

func parseWriter(s string) (any, error) { return arrayrecord.ParseWriterOptions(s) }
func parseReader(s string) (any, error) { return arrayrecord.ParseReaderOptions(s) }

type parser func(string) (any, error)

// message is what a string that cannot be parsed gives.
func message(t *testing.T, parse parser, s string) string {
	_, err := parse(s)
	require.ErrorIs(t, err, arrayrecord.ErrInvalidOption, s)
	text, found := strings.CutPrefix(err.Error(), arrayrecord.ErrInvalidOption.Error()+": ")
	require.True(t, found)
	return text
}

func requireEqual(t *testing.T, parse parser, a, b string) {
	parsedA, err := parse(a)
	require.NoError(t, err, a)
	parsedB, err := parse(b)
	require.NoError(t, err, b)
	require.Equal(t, parsedB, parsedA, "%q, %q", a, b)
}

func checkKeys(t *testing.T, b block, parse parser) {
	require.Len(t, b.lines, 1)
	require.Equal(t, "Unknown option nonsense, valid options: "+b.lines[0], message(t, parse, "nonsense:1"))
}

func checkDefaults(t *testing.T, b block) {
	require.Len(t, b.lines, 1)
	o, err := arrayrecord.ParseWriterOptions("")
	require.NoError(t, err)
	require.Equal(t, b.lines[0], o.String())
	file := encode(t, "")
	r, err := arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	defer r.Close()
	recorded, _ := r.WriterOptions()
	require.Equal(t, b.lines[0], recorded)
}

func checkSame(t *testing.T, b block, parse parser) {
	for _, row := range b.rows {
		s := plain(row[0])
		switch {
		case row[1] == "the empty string":
			requireEqual(t, parse, s, "")
		case strings.HasPrefix(row[1], "`"):
			requireEqual(t, parse, s, plain(row[1]))
		default:
			require.Equal(t, row[1], message(t, parse, s))
		}
	}
}

// checkOptions tries what a table of options says of values and defaults.
func checkOptions(t *testing.T, b block, parse parser) {
	kind := regexp.MustCompile(`^(Int|Bytes) (-?\d+)\.\.(\d+)$`)
	var keys []string
	for _, row := range b.rows {
		key := plain(row[0])
		keys = append(keys, key)
		accepts := func(value string) {
			_, err := parse(key + ":" + value)
			require.NoError(t, err, row)
		}
		refuses := func(value string) { require.Contains(t, message(t, parse, key+":"+value), "invalid value", row) }
		if row[1] == "anything" {
			accepts("x")
			continue
		}
		refuses("x")
		empty := false
		for alternative := range strings.SplitSeq(row[1], ", ") {
			match := kind.FindStringSubmatch(alternative)
			switch {
			case alternative == "empty":
				empty = true
				accepts("")
			case match == nil:
				require.True(t, strings.HasPrefix(alternative, "`"), row)
				accepts(plain(alternative))
			default:
				accepts(match[2])
				accepts(match[3])
				refuses(plus(t, match[2], -1))
				if match[3] != strconv.FormatUint(math.MaxUint64, 10) {
					refuses(plus(t, match[3], 1))
				}
				if match[1] == "Int" {
					refuses("1K")
				} else {
					accepts("1K")
				}
			}
		}
		if !empty {
			refuses("")
		}
		switch {
		case row[2] == "":
		case slices.Contains([]string{"brotli", "zstd", "snappy"}, key):
			requireEqual(t, parse, key, key+":"+plain(row[2]))
		default:
			requireEqual(t, parse, key+":"+plain(row[2]), "")
		}
	}
	_, known, _ := strings.Cut(message(t, parse, "nonsense"), "valid options: ")
	require.ElementsMatch(t, strings.Split(known, ", "), keys)
}

func plus(t *testing.T, n string, d int64) string {
	v, ok := new(big.Int).SetString(n, 10)
	require.True(t, ok)
	return v.Add(v, big.NewInt(d)).String()
}
