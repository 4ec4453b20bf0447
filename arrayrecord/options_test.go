package arrayrecord

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var someCompressions = []Compression{Zstd(3), Zstd(0), Zstd(-131072), Zstd(22).WithWindowLog(31), Brotli(0), Brotli(6),
	Brotli(11).WithWindowLog(30), Brotli(6).WithWindowLog(22), Snappy(1), Snappy(2), Uncompressed(), Zstd(7).WithWindowLog(10)}

// fill gives about half of the fields of a struct of options a value that is allowed. Fields that
// options will have one day are filled as well.
func fill[T WriterOptions | ReaderOptions](rng *rand.Rand, o *T) {
	v := reflect.ValueOf(o).Elem()
	for i := range v.NumField() {
		if rng.IntN(2) == 0 {
			continue
		}
		switch field := v.Field(i); field.Interface().(type) {
		case bool:
			field.SetBool(true)
		case int, int64:
			field.SetInt(1 + rng.Int64N(1<<rng.IntN(30)))
		case uint64:
			field.SetUint(max(1, rng.Uint64N(1<<rng.IntN(54))<<rng.IntN(11)))
		case Compression:
			field.Set(reflect.ValueOf(someCompressions[rng.IntN(len(someCompressions))]))
		default:
			panic("a kind of field that this test does not know: " + v.Type().Field(i).Name)
		}
	}
	if r, ok := any(o).(*ReaderOptions); ok && r.OffloadedIndex {
		r.FooterPrefetchBytes = min(r.FooterPrefetchBytes, 1)
	}
}

// parts gives the set fields of options as options of their own, in an order of chance, some twice.
func parts[T WriterOptions | ReaderOptions](rng *rand.Rand, o T) []T {
	var all []T
	v := reflect.ValueOf(o)
	for i := range v.NumField() {
		var part T
		reflect.ValueOf(&part).Elem().Field(i).Set(v.Field(i))
		if !v.Field(i).IsZero() || rng.IntN(2) == 0 {
			all = append(all, part)
		}
		if rng.IntN(4) == 0 {
			all = append(all, part)
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// What options say is kept by String, and is the same in one struct, in one text, and in any order
// of structs and texts of a setting each.
func TestOptionsSurviveTextAndOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		requireSurvival(t, rng, ParseWriterOptions, WithWriterOptions, applyWriterOptions)
		requireSurvival(t, rng, ParseReaderOptions, WithReaderOptions, applyReaderOptions)
	}
}

type optionStruct interface {
	WriterOptions | ReaderOptions
	String() string
}

func requireSurvival[S optionStruct, O any](t *testing.T, rng *rand.Rand, parse func(string) (S, error), text func(string) O,
	apply func([]O) (S, error)) {
	var want S
	fill(rng, &want)
	parsed, err := parse(want.String())
	require.NoError(t, err, want)
	require.Equal(t, want, parsed, want.String())
	var opts []O
	for _, part := range parts(rng, want) {
		if rng.IntN(2) == 0 {
			opts = append(opts, any(part).(O))
		} else {
			opts = append(opts, text(part.String()))
		}
	}
	together, err := apply(opts)
	require.NoError(t, err, want)
	require.Equal(t, want, together)
}

func permutations[T any](s []T) (all [][]T) {
	if len(s) == 0 {
		return [][]T{nil}
	}
	for i := range s {
		rest := append(append([]T{}, s[:i]...), s[i+1:]...)
		for _, p := range permutations(rest) {
			all = append(all, append([]T{s[i]}, p...))
		}
	}
	return all
}

func TestEveryOrderOfOptionsGivesTheSame(t *testing.T) {
	writer := []WriterOption{WithGroupSize(7), Brotli(0).WithWindowLog(22), WithMaxParallelism(3),
		WithWriterOptions("transpose,pad_to_block_boundary:true,brotli:0,window_log:22"), WriterOptions{GroupSize: 7, NoSync: true}, WithNoOverwrite()}
	want := WriterOptions{GroupSize: 7, Compression: Brotli(0).WithWindowLog(22), MaxParallelism: 3, Transpose: true,
		PadToBlockBoundary: true, NoSync: true, NoOverwrite: true}
	for _, opts := range permutations(writer) {
		o, err := applyWriterOptions(opts)
		require.NoError(t, err)
		require.Equal(t, want, o)
	}
	reader := []ReaderOption{WithReaderOptions("max_parallelism:0"), WithMaxParallelism(1), WithMmap(), ReaderOptions{OffloadedIndex: true},
		WithReaderOptions("footer_prefetch_bytes:0,max_record_size:1M")}
	for _, opts := range permutations(reader) {
		o, err := applyReaderOptions(opts)
		require.NoError(t, err)
		require.Equal(t, ReaderOptions{MaxParallelism: 1, NoReadahead: true, Mapped: true, OffloadedIndex: true, FooterPrefetchBytes: 1,
			MaxRecordSize: 1 << 20}, o)
	}
}

func TestContradictions(t *testing.T) {
	requireContradictions(t, applyWriterOptions, WithNoOverwrite(), []contradiction[WriterOption]{
		{[]WriterOption{Zstd(3), Brotli(3)}, []string{"Compression", "zstd:3", "brotli:3"}},
		{[]WriterOption{Zstd(3), Zstd(3).WithWindowLog(21)}, []string{"Compression", "zstd:3", "zstd:3,window_log:21"}},
		{[]WriterOption{WithGroupSize(2), WithGroupSize(3)}, []string{"GroupSize", "2", "3"}},
		{[]WriterOption{WithGroupSize(2), WriterOptions{GroupSize: 33}}, []string{"GroupSize", "2", "33"}},
		{[]WriterOption{WithGroupSize(2), WithWriterOptions("group_size:1")}, []string{"GroupSize", "2", "1"}},
		{[]WriterOption{WithWriterOptions("snappy"), Uncompressed()}, []string{"Compression", "snappy:1", "uncompressed"}},
		{[]WriterOption{WithWriterOptions("window_log:15"), Zstd(9)}, []string{"zstd:3,window_log:15", "zstd:9"}},
		{[]WriterOption{WithMaxParallelism(2), WithWriterOptions("max_parallelism:1")}, []string{"MaxParallelism", "2", "1"}},
	})
	requireContradictions(t, applyReaderOptions, WithMmap(), []contradiction[ReaderOption]{
		{[]ReaderOption{WithMaxParallelism(4), WithReaderOptions("max_parallelism:0")}, []string{"MaxParallelism", "4", "1"}},
		{[]ReaderOption{ReaderOptions{MaxRecordSize: 5}, WithReaderOptions("max_record_size:1K")}, []string{"MaxRecordSize", "5", "1024"}},
		{[]ReaderOption{ReaderOptions{OffloadedIndex: true}, ReaderOptions{FooterPrefetchBytes: 2}}, []string{"footer_prefetch_bytes", "index_storage_option"}},
	})
}

// A contradiction is options of which an error says what they want.
type contradiction[O any] struct {
	opts []O
	say  []string
}

func requireContradictions[S, O any](t *testing.T, apply func([]O) (S, error), harmless O, all []contradiction[O]) {
	for _, c := range all {
		for _, opts := range permutations(append(c.opts, harmless)) {
			_, err := apply(opts)
			require.ErrorIs(t, err, ErrInvalidOption)
			for _, text := range c.say {
				require.ErrorContains(t, err, text)
			}
		}
	}
}

// 0 is not set, whoever says it.
func TestZeroIsTheDefault(t *testing.T) {
	o, err := applyWriterOptions([]WriterOption{WithGroupSize(5), WithGroupSize(0), WriterOptions{}, Compression{}, Snappy(2), WithMaxParallelism(0)})
	require.NoError(t, err)
	require.Equal(t, WriterOptions{GroupSize: 5, Compression: Snappy(2)}, o)
	recorded, err := WriterOptions{}.Recorded()
	require.NoError(t, err)
	same, err := WriterOptions{}.WithDefaults().Recorded()
	require.NoError(t, err)
	require.Equal(t, same, recorded)
	require.Equal(t, "group_size:1,transpose:false,pad_to_block_boundary:false,zstd:3,window_log:20,max_parallelism:1", recorded)
	require.Empty(t, WriterOptions{}.String())
	require.Empty(t, ReaderOptions{}.String())
	parsed, err := ParseReaderOptions("max_parallelism:auto,readahead_buffer_size:auto,footer_prefetch_bytes:auto,index_storage_option,mapped:false")
	require.NoError(t, err)
	require.Equal(t, ReaderOptions{}, parsed)
	parsedWriter, err := ParseWriterOptions("default,max_parallelism:auto,transpose_bucket_size:auto,window_log:auto,transpose:false,no_sync:false")
	require.NoError(t, err)
	require.Equal(t, WriterOptions{}, parsedWriter)
}

func TestDefaults(t *testing.T) {
	require.Equal(t, ReaderOptions{ReadaheadMemory: 64 << 20, FooterPrefetchBytes: 1 << 20, MaxRecordSize: 2 << 30, MaxChunkSize: 4 << 30},
		ReaderOptions{}.WithDefaults())
	offloaded := ReaderOptions{OffloadedIndex: true}.WithDefaults()
	require.EqualValues(t, 1, offloaded.FooterPrefetchBytes)
	_, err := applyReaderOptions([]ReaderOption{offloaded})
	require.NoError(t, err, "the defaults are options")
	set := ReaderOptions{ReadaheadMemory: 1, FooterPrefetchBytes: 2, MaxRecordSize: 3, MaxChunkSize: 4}
	require.Equal(t, set, set.WithDefaults())
}

// Settings that other libraries do not know are kept as text, and are not in files.
func TestOwnKeys(t *testing.T) {
	o, err := ParseWriterOptions("no_overwrite,brotli:4,no_sync:true,no_digest")
	require.NoError(t, err)
	require.Equal(t, WriterOptions{Compression: Brotli(4), NoOverwrite: true, NoSync: true, NoDigest: true}, o)
	recorded, err := o.Recorded()
	require.NoError(t, err)
	require.NotContains(t, recorded, "no_")

	r, err := ParseReaderOptions("mapped,max_parallelism:3,no_readahead,readahead_memory:5k,max_record_size:+7,max_chunk_size:8388607T")
	require.NoError(t, err)
	require.Equal(t, ReaderOptions{Mapped: true, MaxParallelism: 3, NoReadahead: true, ReadaheadMemory: 5 << 10, MaxRecordSize: 7,
		MaxChunkSize: 8388607 << 40}, r)

	for s, message := range map[string]string{
		"mapped,mapped":                       "Option mapped is present more than once",
		"mapped:yes":                          "Option mapped: invalid value: yes, valid values: (empty), true, false",
		"max_record_size":                     "Option max_record_size: invalid value: (empty), valid values: integers with optional suffix [BkKMGTPE], in the range [1..9223372036854775807]",
		"max_record_size:0":                   "invalid value: 0,",
		"max_record_size:-1":                  "invalid value: -1,",
		"max_record_size:1.5K":                "invalid value: 1.5K,",
		"max_record_size:1KB":                 "invalid value: 1KB,",
		"max_record_size:K":                   "invalid value: K,",
		"max_record_size:8E":                  "invalid value: 8E,",
		"max_record_size:8388608T":            "invalid value: 8388608T,",
		"max_record_size:9223372036854775808": "invalid value: 9223372036854775808,",
		"max_record_size:auto":                "invalid value: auto,",
		"mapped:x,max_parallelism:x":          "Option max_parallelism: invalid value: x",
		"no_sync": "Unknown option no_sync, valid options: max_parallelism, readahead_buffer_size, index_storage_option, footer_prefetch_bytes" +
			"; of this library: no_readahead, mapped, readahead_memory, max_record_size, max_chunk_size",
	} {
		_, err := ParseReaderOptions(s)
		require.ErrorIs(t, err, ErrInvalidOption, s)
		require.ErrorContains(t, err, message)
	}
	_, err = ParseWriterOptions("mapped")
	require.ErrorContains(t, err, "Unknown option mapped, valid options: default, group_size, ")
	require.True(t, strings.HasSuffix(err.Error(), ", pad_to_block_boundary; of this library: no_overwrite, no_sync, no_digest"), err)
}

func TestOptionValuesThatCannotBe(t *testing.T) {
	for _, o := range []WriterOption{WithGroupSize(-1), WithGroupSize(1 << 31), WithGroupSize(1<<32 + 1), WithMaxParallelism(-1),
		WriterOptions{SaturationDelayMS: -1}, Zstd(23), Zstd(-131073), Zstd(math.MinInt32), Zstd(1<<32 + 3), Brotli(12), Brotli(-1), Snappy(0), Snappy(3),
		Zstd(3).WithWindowLog(9), Zstd(3).WithWindowLog(32), Zstd(3).WithWindowLog(-1), Zstd(3).WithWindowLog(1<<32 + 20),
		Brotli(3).WithWindowLog(31), Snappy(1).WithWindowLog(20), Uncompressed().WithWindowLog(20)} {
		_, err := applyWriterOptions([]WriterOption{o})
		require.ErrorIs(t, err, ErrInvalidOption, "%v", o)
	}
	for _, o := range []ReaderOptions{{MaxParallelism: -1}, {MaxParallelism: 1 << 31}, {ReadaheadBufferSize: -1}, {ReadaheadBufferSize: 1<<30 + 1},
		{ReadaheadMemory: -1}, {FooterPrefetchBytes: -1}, {FooterPrefetchBytes: 1<<30 + 1}, {MaxRecordSize: -1}, {MaxChunkSize: math.MinInt64}} {
		_, err := applyReaderOptions([]ReaderOption{o})
		require.ErrorIs(t, err, ErrInvalidOption, "%+v", o)
	}
}

func TestCompression(t *testing.T) {
	require.Equal(t, Zstd(3), Zstd(3).WithWindowLog(20), "the default")
	require.Equal(t, Zstd(3), Zstd(3).WithWindowLog(25).WithWindowLog(0))
	require.Equal(t, Zstd(3).WithWindowLog(11), Compression{}.WithWindowLog(11))
	require.NotEqual(t, Brotli(0), Brotli(6), "0 is a level")
	for _, c := range someCompressions {
		o, err := ParseWriterOptions(c.String())
		require.NoError(t, err)
		require.Equal(t, c, o.Compression, c.String())
	}
	for c, want := range map[Compression]string{{}: "zstd:3", Zstd(-5): "zstd:-5", Zstd(0).WithWindowLog(21): "zstd:0,window_log:21",
		Brotli(0).WithWindowLog(22): "brotli:0,window_log:22", Snappy(2): "snappy:2", Uncompressed(): "uncompressed"} {
		require.Equal(t, want, c.String())
	}
	want := WriterOptions{GroupSize: 3, Compression: Brotli(0).WithWindowLog(22)}
	data, err := json.Marshal([]WriterOptions{want, {}})
	require.NoError(t, err)
	var got []WriterOptions
	require.NoError(t, json.Unmarshal(data, &got))
	require.Equal(t, []WriterOptions{want, {}}, got)
	require.ErrorIs(t, new(Compression).UnmarshalText([]byte("zstd:3,group_size:2")), ErrInvalidOption)
	require.ErrorIs(t, new(Compression).UnmarshalText([]byte("zip")), ErrInvalidOption)
}

// A text that can be parsed means the same after String; nothing makes the parser panic.
func FuzzOptions(f *testing.F) {
	for _, s := range []string{"", "default,group_size:3,brotli:0,window_log:22", "max_parallelism:0,mapped", "no_sync,no_sync",
		"index_storage_option:offloaded,footer_prefetch_bytes:0", "max_record_size:1M,transpose_bucket_size:0x1p9K"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if o, err := ParseWriterOptions(s); err == nil {
			again, err := ParseWriterOptions(o.String())
			require.NoError(t, err)
			require.Equal(t, o, again)
			_, err = o.Recorded()
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ErrInvalidOption)
		}
		if o, err := ParseReaderOptions(s); err == nil {
			again, err := ParseReaderOptions(o.String())
			require.NoError(t, err)
			require.Equal(t, o, again)
		} else {
			require.ErrorIs(t, err, ErrInvalidOption)
		}
	})
}
