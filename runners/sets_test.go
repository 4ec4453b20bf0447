//go:build runners

package runners

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window/trigger"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

func init() {
	beam.RegisterFunction(stamp)
	beam.RegisterFunction(parity)
	beam.RegisterFunction(inDirectory)
	beam.RegisterType(reflect.TypeFor[describeFn]())
}

// stamp puts records into one of four hours.
func stamp(record []byte) (beam.EventTime, []byte) {
	return mtime.Time(hourOf(record) * 3600e3), record
}

func hourOf(record []byte) int64 {
	if len(record) == 0 {
		return 0
	}
	return int64(record[len(record)-1] % 4)
}

func parity(record []byte) string { return fmt.Sprintf("p%d/", len(record)%2) + "x" }

func inDirectory(s arrayrecordio.Set) arrayrecordio.Naming {
	return arrayrecordio.Naming{Suffix: "." + s.Window[11:13] + ".arrayrecord"}
}

// describeFn keeps what is told of each shard.
type describeFn struct{ Dir string }

func (f *describeFn) ProcessElement(s arrayrecordio.Shard) error {
	text := fmt.Sprintf("%s %s %d/%d %d", s.Destination, s.Name, s.Index, s.Count, s.Records)
	return os.WriteFile(filepath.Join(f.Dir, fmt.Sprintf("%x", sha256.Sum256([]byte(s.Name)))), []byte(text), 0o666)
}

// setsOnThisHost writes sets of shards for destinations and windows.
func setsOnThisHost(t *testing.T, runner, source string, want []string) {
	for _, test := range []struct {
		name   string
		fn     *window.Fn
		shards int
		opts   []beam.WindowIntoOption
		times  int // how often each record is in the output
	}{
		{"fixed", window.NewFixedWindows(time.Hour), 2, nil, 1},
		{"sliding", window.NewSlidingWindows(time.Hour, 2*time.Hour), 1, nil, 2},
		{"sessions", window.NewSessions(time.Minute), 2, nil, 1},
		{"panes", window.NewFixedWindows(time.Hour), 3, []beam.WindowIntoOption{
			beam.Trigger(trigger.AfterEndOfWindow().EarlyFiring(trigger.AfterCount(1)).LateFiring(trigger.AfterCount(1))),
			beam.AllowedLateness(time.Hour), beam.PanesDiscard(),
		}, 1},
	} {
		out, told := t.TempDir(), t.TempDir()
		result, err := pipelines.Run(t.Context(), runner, pipelines.Func(func(s beam.Scope) error {
			records := beam.ParDo(s, stamp, arrayrecordio.Read(s, source))
			records = beam.WindowInto(s, test.fn, records, test.opts...)
			var shards beam.PCollection
			arrayrecordio.Write(s, out+"/", records, arrayrecordio.WithWindowedWrites(), arrayrecordio.WithDestination(parity),
				arrayrecordio.WithNaming(inDirectory), arrayrecordio.WithNumShards(test.shards), arrayrecordio.WithShards(&shards))
			beam.ParDo0(s, &describeFn{told}, shards)
			return nil
		}))
		require.NoError(t, err, test.name)
		require.EqualValues(t, len(want)*test.times, result.RecordsWritten, test.name)
		names, err := filepath.Glob(out + "/p?/*.arrayrecord")
		require.NoError(t, err)
		require.NotEmpty(t, names)
		var got []string
		for _, name := range names {
			records := readArrayRecords(t, name)
			for _, record := range records {
				require.Equal(t, fmt.Sprintf("p%d", len(record)%2), filepath.Base(filepath.Dir(name)), test.name)
			}
			text, err := os.ReadFile(filepath.Join(told, fmt.Sprintf("%x", sha256.Sum256([]byte(name)))))
			require.NoError(t, err, test.name)
			require.True(t, strings.HasSuffix(string(text), fmt.Sprintf("/%d %d", test.shards, len(records))), "%s", text)
			got = append(got, records...)
		}
		sameRecords(t, slices.Repeat(want, test.times), got)
		temp, err := filepath.Glob(out + "/.temp*")
		require.NoError(t, err)
		require.Empty(t, temp, test.name)
	}
}
