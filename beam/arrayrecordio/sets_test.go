package arrayrecordio

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window/trigger"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/teststream"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	beam.RegisterFunction(lastDigit)
	beam.RegisterFunction(byX)
	beam.RegisterFunction(nameByDestination)
	beam.RegisterFunction(sameName)
	beam.RegisterFunction(shardOfPoint)
	beam.RegisterFunction(wrongShard)
	beam.RegisterFunction(keyPoint)
	beam.RegisterFunction(windowOfShard)
	beam.RegisterFunction(toFailure)
	beam.RegisterFunction(isExpectedFailure)
}

func lastDigit(record []byte) string { return "d" + string(record[5]) }

func byX(p point) (string, error) {
	if p.X == 3 {
		return "../3", nil
	}
	if p.X == 4 {
		return "", errors.New("no four")
	}
	return fmt.Sprintf("x%d", p.X), nil
}

func keyPoint(p point) (string, point) { return fmt.Sprintf("x%d", p.X), p }

func nameByDestination(s Set) Naming {
	return Naming{Prefix: "of-" + s.Destination, Template: "_N_S", Suffix: ".x"}
}

// sameName gives all destinations the same names, in the working directory.
func sameName(Set) (Naming, error) { return Naming{Prefix: "same"}, nil }

func shardOfPoint(p point, n int) int { return p.Y % n }

func wrongShard(p point, n int) int { return p.Y - 1 }

// bySet gives the records of all shards, by destination and window.
func bySet(t *testing.T, shards []Shard) map[string][][]byte {
	t.Helper()
	sets := map[string][][]byte{}
	for _, s := range shards {
		records := readShard(t, s.Name)
		require.EqualValues(t, len(records), s.Records)
		info, err := storage.Stat(t.Context(), s.Name)
		require.NoError(t, err)
		require.Equal(t, info.Size, s.Bytes)
		key := s.Destination + " " + s.Window
		sets[key] = append(sets[key], records...)
	}
	return sets
}

func TestDestinationOfEachRecord(t *testing.T) {
	for _, dir := range []string{t.TempDir(), fakegcs.Dir(t)} {
		for _, n := range []int{0, 3} {
			local := t.TempDir()
			records := makeRecords(100)
			var shards beam.PCollection
			p, s := beam.NewPipelineWithRoot()
			out := fmt.Sprintf("%s/n%d", dir, n)
			Write(s, out+"/", beam.CreateList(s, records), WithDestination(lastDigit), WithNumShards(n), WithShards(&shards))
			beam.ParDo0(s, &collectShardsFn{Dir: local}, shards)
			ptest.RunAndValidate(t, p)
			got := collectedShards(t, local)
			require.Len(t, got, 10*max(n, 1))
			var names []string
			for i, shard := range got {
				count := max(n, 1)
				require.Equal(t, ShardName(out+"/"+shard.Destination, i%count, count, DefaultSuffix), shard.Name)
				require.Equal(t, []int{i % count, count}, []int{shard.Index, shard.Count})
				names = append(names, shard.Name)
			}
			require.Equal(t, names, list(t, out+"/*"))
			sets := bySet(t, got)
			for d := range 10 {
				want := slices.DeleteFunc(slices.Clone(records), func(r []byte) bool { return int(r[5]-'0') != d })
				require.ElementsMatch(t, want, sets[fmt.Sprintf("d%d ", d)])
			}
			requireNoTemp(t, out)
		}
	}
}

func somePoints(n int) []point {
	var points []point
	for i := range n {
		points = append(points, point{X: i % 3, Y: i})
	}
	return points
}

func TestDestinationsByKeyWithNamesOfTheirOwn(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	p, s := beam.NewPipelineWithRoot()
	col := beam.ParDo(s, keyPoint, beam.CreateList(s, somePoints(30)))
	passert.Count(s, Write(s, "out", col, WithDestinationsByKey(), WithEncoder(encodePoint), WithNaming(nameByDestination)), "shards", 3)
	ptest.RunAndValidate(t, p)
	require.Equal(t, []string{"of-x0_1_0.x", "of-x1_1_0.x", "of-x2_1_0.x"}, list(t, "of*"))
	require.Len(t, readShard(t, "of-x1_1_0.x"), 10)
}

func TestShardsThatAFunctionChooses(t *testing.T) {
	for _, opts := range [][]WriteOption{{}, {WithDestination(byX)}, {WithWindowedWrites()}} {
		dir := t.TempDir()
		p, s := beam.NewPipelineWithRoot()
		var shards beam.PCollection
		Write(s, dir+"/out", beam.CreateList(s, somePoints(30)),
			append(opts, WithEncoder(encodePoint), WithNumShards(4), WithSharding(shardOfPoint), WithShards(&shards))...)
		beam.ParDo0(s, &collectShardsFn{Dir: dir}, shards)
		ptest.RunAndValidate(t, p)
		n := 0
		for _, shard := range collectedShards(t, dir) {
			for _, record := range readShard(t, shard.Name) {
				var at point
				_, err := fmt.Sscanf(string(record), "%d,%d", &at.X, &at.Y)
				require.NoError(t, err)
				require.Equal(t, shard.Index, at.Y%4)
				n++
			}
		}
		require.Equal(t, 30, n)
		requireNoTemp(t, dir)
	}
}

// Elements that cannot be written go to the dead letters, and the others into
// shards.
func TestFailedElements(t *testing.T) {
	points := append(somePoints(9), point{-1, 5}, point{3, 5}, point{4, 5})
	for _, test := range []struct {
		opts []WriteOption
		want []string // errors
	}{
		{nil, []string{"negative"}},
		{[]WriteOption{WithNumShards(2)}, []string{"negative"}},
		{[]WriteOption{WithDestination(byX)}, []string{"leads out of the output", "negative", "no four"}},
		{[]WriteOption{WithWindowedWrites()}, []string{"negative"}},
		{[]WriteOption{WithSharding(wrongShard), WithNumShards(30)}, []string{"negative", "no shard -1 of 30"}},
	} {
		dir := t.TempDir()
		var failed beam.PCollection
		p, s := beam.NewPipelineWithRoot()
		Write(s, dir+"/out", beam.CreateList(s, points), append(test.opts, WithEncoder(encodePoint), WithFailedElements(&failed))...)
		passert.True(s, beam.ParDo(s, toFailure, failed), isExpectedFailure)
		passert.Count(s, failed, "failed", len(test.want))
		ptest.RunAndValidate(t, p)
		n := 0
		for _, name := range list(t, dir+"/out*") {
			n += len(readShard(t, name))
		}
		require.Equal(t, len(points)-len(test.want), n)
	}
	// Without a place for them they fail the pipeline.
	failingjob.Test(t)
	dir := t.TempDir()
	p, s := beam.NewPipelineWithRoot()
	Write(s, dir+"/out", beam.CreateList(s, points), WithEncoder(encodePoint), WithDestination(byX))
	require.Error(t, ptest.Run(p))
	require.Empty(t, list(t, dir+"/*"))
}

func toFailure(d DeadLetter) string { return d.Element + ": " + d.Error }

func isExpectedFailure(text string) bool {
	return slices.Contains([]string{
		"{X:-1 Y:5}: negative",
		`{X:3 Y:5}: the destination "../3" leads out of the output`,
		"{X:4 Y:5}: the destination: no four",
		"{X:0 Y:0}: there is no shard -1 of 30",
	}, text)
}

func TestNumberOfShardsFollowsTheSize(t *testing.T) {
	for _, opts := range [][]WriteOption{{}, {WithWindowedWrites()}} {
		for _, n := range []int{0, 1, 400} {
			dir := t.TempDir()
			records := make([][]byte, n)
			for i := range records {
				records[i] = fmt.Appendf(nil, "%01000d", i)
			}
			p, s := beam.NewPipelineWithRoot()
			Write(s, dir+"/out", beam.CreateList(s, records),
				append(opts, WithShardSize(100_000), WithWriterOptions("group_size:1,uncompressed"))...)
			ptest.RunAndValidate(t, p)
			shards := list(t, dir+"/out*")
			switch {
			case n == 400:
				require.InDelta(t, 5, len(shards), 1)
			case n == 0 && len(opts) > 0:
				require.Empty(t, shards)
			default:
				require.Len(t, shards, 1)
			}
			requireShards(t, records, shards)
			requireNoTemp(t, dir)
		}
	}
}

func TestMetadataIsInEachShard(t *testing.T) {
	message := []byte("\x0a\x05hello") // file_comment
	for _, opts := range [][]WriteOption{{}, {WithNumShards(3)}, {WithNumShards(3), WithWindowedWrites()}, {WithDestination(lastDigit)}} {
		dir := t.TempDir()
		p, s := beam.NewPipelineWithRoot()
		records := makeRecords(40)
		Write(s, dir+"/out", beam.CreateList(s, records), append(opts, WithMetadata(message))...)
		ptest.RunAndValidate(t, p)
		shards := list(t, dir+"/out*")
		require.NotEmpty(t, shards)
		requireShards(t, records, shards)
		for _, name := range shards {
			r, err := arrayrecord.Open(t.Context(), name)
			require.NoError(t, err)
			got, ok, err := r.Metadata(t.Context())
			require.NoError(t, err)
			require.True(t, ok)
			require.Equal(t, message, got)
			require.NoError(t, r.Close())
		}
	}
}

// Each kind of windows gives the records of each window once.
// windowOfShard fails for a shard that is in another window than its records.
func windowOfShard(w beam.Window, s Shard) error {
	is := "GlobalWindow"
	if w, ok := w.(window.IntervalWindow); ok {
		const layout = "2006-01-02T15:04:05.000Z"
		is = time.UnixMilli(int64(w.Start)).UTC().Format(layout) + "-" + time.UnixMilli(int64(w.End)).UTC().Format(layout)
	}
	if is != s.Window {
		return fmt.Errorf("the shard of %s is in window %s", s.Window, is)
	}
	return nil
}

func TestKindsOfWindows(t *testing.T) {
	const hour = "1970-01-01T%02d:00:00.000Z"
	between := func(from, to int) string { return fmt.Sprintf(" "+hour+"-"+hour, from, to) }
	for _, test := range []struct {
		fn   *window.Fn
		want map[string][]string
	}{
		{window.NewFixedWindows(2 * time.Hour), map[string][]string{between(0, 2): {"0", "1"}, between(4, 6): {"5"}}},
		{window.NewSlidingWindows(time.Hour, 2*time.Hour), map[string][]string{
			" 1969-12-31T23:00:00.000Z-1970-01-01T01:00:00.000Z": {"0"}, between(0, 2): {"0", "1"}, between(1, 3): {"1"},
			between(4, 6): {"5"}, between(5, 7): {"5"},
		}},
		{window.NewSessions(90 * time.Minute), map[string][]string{
			" 1970-01-01T00:00:00.000Z-1970-01-01T02:30:00.000Z": {"0", "1"},
			" 1970-01-01T05:00:00.000Z-1970-01-01T06:30:00.000Z": {"5"},
		}},
		{window.NewGlobalWindows(), map[string][]string{" GlobalWindow": {"0", "1", "5"}}},
	} {
		for _, n := range []int{0, 2} {
			dir := t.TempDir()
			p, s := beam.NewPipelineWithRoot()
			col := beam.ParDo(s, stampHour, beam.CreateList(s, [][]byte{[]byte("000000"), []byte("000001"), []byte("000005")}))
			col = beam.WindowInto(s, test.fn, col)
			var shards beam.PCollection
			Write(s, dir+"/out", col, WithNumShards(n), WithWindowedWrites(), WithShards(&shards))
			beam.ParDo0(s, &collectShardsFn{Dir: dir}, shards)
			beam.ParDo0(s, windowOfShard, shards)
			ptest.RunAndValidate(t, p)
			got := map[string][]string{}
			for key, records := range bySet(t, collectedShards(t, dir)) {
				for _, r := range records {
					got[key] = append(got[key], string(r[5:]))
				}
				slices.Sort(got[key])
			}
			require.Equal(t, test.want, got, test.fn)
			require.Len(t, list(t, dir+"/out*"), len(test.want)*max(n, 1))
			requireNoTemp(t, dir)
		}
	}
}

// An accumulating pane has all records again, and one that is counted has as many
// records, not files, as its trigger says.
func TestPanesOfRecords(t *testing.T) {
	for _, test := range []struct {
		trigger trigger.Trigger
		mode    beam.WindowIntoOption
		want    []int // records of each pane that has some
	}{
		{trigger.Repeat(trigger.AfterCount(3)), beam.PanesDiscard(), []int{3, 3}},
		{trigger.Repeat(trigger.AfterCount(3)), beam.PanesAccumulate(), []int{3, 6}},
	} {
		dir := t.TempDir()
		p, s := beam.NewPipelineWithRoot()
		c := teststream.NewConfig()
		for i := range 6 {
			require.NoError(t, c.AddElements(1000, fmt.Appendf(nil, "r%d", i)))
		}
		c.AdvanceWatermarkToInfinity()
		col := beam.WindowInto(s, window.NewFixedWindows(time.Minute), teststream.Create(s, c), beam.Trigger(test.trigger), test.mode)
		Write(s, dir+"/out-", col, WithWindowedWrites(), WithNumShards(2))
		ptest.RunAndValidate(t, p)
		sizes := map[string]int{}
		for _, name := range list(t, dir+"/*") {
			pane, _, _ := strings.Cut(name[strings.Index(name, "pane-"):], "-0000")
			sizes[pane] += len(readShard(t, name))
		}
		require.Equal(t, test.want[0], sizes["pane-0"], sizes)
		require.Equal(t, test.want[1], sizes["pane-1"], sizes)
		requireNoTemp(t, dir)
	}
}

// That two destinations have the same names would lose the records of one.
func TestTwoDestinationsWithTheSameNames(t *testing.T) {
	failingjob.Test(t)
	for _, overwrite := range []Overwrite{Refuse, Replace} {
		t.Chdir(t.TempDir())
		p, s := beam.NewPipelineWithRoot()
		col := beam.CreateList(s, makeRecords(20))
		Write(s, "out", col, WithDestination(lastDigit), WithNaming(sameName), WithOverwrite(overwrite))
		require.ErrorContains(t, ptest.Run(p), "has the same names as")
	}
}

func TestWrongFunctionsAreNoticedAtConstruction(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	points := beam.CreateList(s, somePoints(1))
	encode := WithEncoder(encodePoint)
	for _, test := range []struct {
		prefix string
		opts   []WriteOption
		want   string
	}{
		{"out", []WriteOption{encode, WithDestination(3)}, "no function but int"},
		{"out", []WriteOption{encode, WithDestination(lastDigit)}, "not a function from [arrayrecordio.point] to string"},
		{"out", []WriteOption{WithDestination(byX)}, "needs an encoder"},
		{"out", []WriteOption{encode, WithDestination(byX), WithDestinationsByKey()}, "exclude each other"},
		{"out", []WriteOption{encode, WithDestinationsByKey()}, "has to be of KV<string, T>"},
		{"out", []WriteOption{encode, WithSharding(shardOfPoint)}, "needs a number of shards"},
		{"out", []WriteOption{encode, WithSharding(byX), WithNumShards(2)}, "not a function from [arrayrecordio.point int] to int"},
		{"out", []WriteOption{encode, WithDestination(byX), WithNaming(byX)}, "the naming function is a func"},
		{"out", []WriteOption{encode, WithNaming(nameByDestination)}, "without them there is one"},
		{"out", []WriteOption{WithEncoder(&brokenFn{}), WithDestination(byX)}, "has to be a function"},
		{"out", []WriteOption{encode, WithShardSize(-1)}, "negative"},
		{"out", []WriteOption{encode, WithShardSize(1), WithNumShards(1)}, "exclude each other"},
		{"out", []WriteOption{encode, WithShardSize(1), WithMaxRecordsPerShard(1)}, "exclude each other"},
		{"out", []WriteOption{encode, WithMaxOpenFiles(-1)}, "negative"},
		{"out", []WriteOption{encode, WithShardNameTemplate("-x"), WithNumShards(2), WithDestination(byX)}, "has no S"},
		{"nowhere://b/", []WriteOption{encode, WithDestination(byX)}, "nowhere"},
		{"", []WriteOption{encode, WithDestination(byX)}, ""},
	} {
		_, err := TryWrite(s, test.prefix, points, test.opts...)
		if test.want == "" {
			require.NoError(t, err, "destinations may be the whole names")
			continue
		}
		require.ErrorContains(t, err, test.want)
	}
	sessions := beam.WindowInto(s, window.NewSessions(time.Hour), points)
	_, err := TryWrite(s, "out", sessions, encode, WithWindowedWrites(), WithSharding(shardOfPoint), WithNumShards(2))
	require.ErrorContains(t, err, "does not go with sessions")
	_, err = TryWrite(s, "out", beam.ParDo(s, keyPoint, points), encode, WithFailedElements(new(beam.PCollection)))
	require.ErrorContains(t, err, "only elements of one value")
}
