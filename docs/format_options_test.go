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

func parseWriter(s string) (any, error) {
	o, err := arrayrecord.ParseWriterOptions(s)
	return o.WithDefaults(), err
}

func parseReader(s string) (any, error) {
	o, err := arrayrecord.ParseReaderOptions(s)
	return o.WithDefaults(), err
}

type parser func(string) (any, error)

// message is what a string that cannot be parsed gives, up to the keys of this library.
func message(t *testing.T, parse parser, s string) string {
	text, _, _ := strings.Cut(wholeMessage(t, parse, s), ownKeys)
	return text
}

const ownKeys = "; of this library: " // in messages, before those keys

func wholeMessage(t *testing.T, parse parser, s string) string {
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
	recorded, err := o.Recorded()
	require.NoError(t, err)
	require.Equal(t, b.lines[0], recorded)
	file := encode(t, "")
	r, err := arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	defer r.Close()
	recorded, _ = r.WriterOptions()
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

// checkOwnOptions does so for the keys of this library.
func checkOwnOptions(t *testing.T, b block) {
	keys := map[string][]string{}
	parsers := map[string]parser{"writers": parseWriter, "readers": parseReader}
	for _, row := range b.rows {
		parse := parsers[row[0]]
		require.NotNil(t, parse, row)
		key := plain(row[1])
		keys[row[0]] = append(keys[row[0]], key)
		bad := []string{"x", "True", "auto", " true"}
		switch row[2] {
		case "empty, `true`, `false`":
			requireEqual(t, parse, key, key+":true")
			require.NotEqual(t, mustParse(t, parse, ""), mustParse(t, parse, key))
		case "Size":
			bad = append(bad, "", "0", "-1", "1.5K", "0x10", "1KB", "9223372036854775808", "8E")
			requireEqual(t, parse, key+":1K", key+":1024B")
			requireEqual(t, parse, key+":7E", key+":8070450532247928832")
			requireEqual(t, parse, key+":8388607T", key+":"+strconv.FormatInt(8388607<<40, 10))
			mustParse(t, parse, key+":9223372036854775807")
		default:
			require.Fail(t, "a kind of value that the test does not know", row)
		}
		requireEqual(t, parse, key+":"+plain(row[3]), "")
		for _, value := range bad {
			require.Contains(t, message(t, parse, key+":"+value), "Option "+key+": invalid value: ")
		}
		require.Equal(t, "Option "+key+" is present more than once", message(t, parse, key+":1,"+key+":1"))
		require.Contains(t, message(t, parse, key+":x,max_parallelism:x"), "Option max_parallelism")
	}
	for of, parse := range parsers {
		_, own, found := strings.Cut(wholeMessage(t, parse, "nonsense"), ownKeys)
		require.True(t, found)
		require.Equal(t, strings.Join(keys[of], ", "), own)
	}
}

func mustParse(t *testing.T, parse parser, s string) any {
	o, err := parse(s)
	require.NoError(t, err, s)
	return o
}

func plus(t *testing.T, n string, d int64) string {
	v, ok := new(big.Int).SetString(n, 10)
	require.True(t, ok)
	return v.Add(v, big.NewInt(d)).String()
}
