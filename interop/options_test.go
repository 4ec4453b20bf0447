//go:build interop

package interop

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// Upstream's Python writer has one thread, whatever the options say, and records that.
var recordedThreads = regexp.MustCompile(`max_parallelism:\d+$`)

// Every option string is taken or refused as upstream does, with the same message, and means the
// same in files. The exception is an offloaded index: upstream takes it only together with a
// footer_prefetch_bytes of 0, here that may be left out.
func TestOptionStringsAsUpstream(t *testing.T) {
	const variable = "ARRAYRECORD_INTEROP_OPTIONS"
	dir := os.Getenv(variable)
	require.NotEmpty(t, dir, "set %s to a directory made by check_options.py", variable)
	data, err := os.ReadFile(filepath.Join(dir, "options.json"))
	require.NoError(t, err)
	var answers []struct {
		Kind     string `json:"kind"`
		Text     string `json:"text"`
		Error    string `json:"error"`
		Recorded string `json:"recorded"`
	}
	require.NoError(t, json.Unmarshal(data, &answers))
	require.Greater(t, len(answers), 10_000)
	left := 0
	for _, a := range answers {
		var got, recorded string
		if a.Kind == "reader" {
			o, err := arrayrecord.ParseReaderOptions(a.Text)
			got = message(err)
			if got == "" && strings.HasPrefix(a.Error, "footer_prefetch_bytes > 0 ") {
				require.True(t, o.OffloadedIndex && o.FooterPrefetchBytes == 0, a.Text)
				left++
				continue
			}
		} else {
			o, err := arrayrecord.ParseWriterOptions(a.Text)
			if got = message(err); got == "" {
				recorded, err = o.Recorded()
				require.NoError(t, err)
			}
		}
		require.Equal(t, a.Error, got, "%s %q", a.Kind, a.Text)
		require.Equal(t, recordedThreads.ReplaceAllString(a.Recorded, ""), recordedThreads.ReplaceAllString(recorded, ""), a.Text)
	}
	require.NotZero(t, left, "upstream takes an offloaded index as it is now: docs/format.md section 8.3 is out of date")
}

// message is what upstream would say: without the names of this library's own keys.
func message(err error) string {
	if err == nil {
		return ""
	}
	text, _, _ := strings.Cut(err.Error(), "; of this library: ")
	return strings.TrimPrefix(text, arrayrecord.ErrInvalidOption.Error()+": ")
}
