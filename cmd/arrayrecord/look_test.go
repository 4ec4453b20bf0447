package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// numbered are n different records.
func numbered(n int) []string {
	records := make([]string, n)
	for i := range records {
		records[i] = fmt.Sprintf("r%d", i)
	}
	return records
}

func TestSample(t *testing.T) {
	name := writeFile(t, numbered(100)...)
	seven := ok(t, "sample", "--seed", "7", name)
	require.Equal(t, seven, ok(t, "sample", "--seed", "7", name))
	require.NotEqual(t, seven, ok(t, "sample", "--seed", "8", name))
	require.Equal(t, 10, strings.Count(seven, "\n"))
	all := strings.Fields(ok(t, "sample", "-n", "1000", name))
	require.NotEqual(t, numbered(100), all)
	require.ElementsMatch(t, numbered(100), all)
	require.NotEqual(t, ok(t, "sample", name), ok(t, "sample", name)) // may fail once in 10^19 runs
	require.Empty(t, ok(t, "sample", writeFile(t)))
}

func TestGrep(t *testing.T) {
	name := writeFile(t, "one cat", "two dogs", "no Cats")
	require.Equal(t, lines("one cat"), ok(t, "grep", "cat", name))
	require.Equal(t, lines("0:one cat", "2:no Cats"), ok(t, "grep", "-in", "cat", name))
	require.Equal(t, lines("two dogs"), ok(t, "grep", "-iv", "cat", name))
	require.Equal(t, "3\n", ok(t, "grep", "-c", "o", name))
	require.Equal(t, lines("one cat"), ok(t, "grep", "-m1", "o", name))
	code, stdout, stderr := command(t, "grep", "mouse", name)
	require.Equal(t, exitNo, code)
	require.Empty(t, stdout)
	require.Empty(t, stderr)
	code, _, _ = command(t, "grep", "(", name)
	require.Equal(t, exitUsage, code)

	require.Equal(t, "21\n", ok(t, "grep", "-c", "^3$", "--field", "label", digits))
	require.Equal(t, "179\n", ok(t, "grep", "-vc", "^3$", "--field", "label", digits))
	require.Equal(t, lines("7:"+strings.TrimSpace(ok(t, "get", digits, "7", "-f", "json"))),
		ok(t, "grep", "-n", "^digits/0007$", "--field", "label", "--field", "id", digits, "-f", "json"))
	code, _, stderr = command(t, "grep", "x", "--field", "label", name)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, name+": record 0: not a tf.train.Example")
}

func TestDiff(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, records ...string) string {
		name = filepath.Join(dir, name)
		writeNamed(t, name, records...)
		return name
	}
	a := file("a", "x", "y", "z", "z")
	for _, c := range []struct {
		b             string
		ordered, sets int
	}{
		{file("same", "x", "y", "z", "z"), 0, 0},
		{file("order", "y", "z", "x", "z"), 3, 0},
		{file("once", "x", "y", "z"), 1, 1},
		{file("more", "x", "y", "z", "z", "z", ""), 2, 2},
		{file("other", "x", "Y", "z", "zz"), 2, 4},
		{file("none"), 4, 4},
	} {
		for _, flag := range []string{"--sets", "--sets=false"} {
			want := c.ordered
			if flag == "--sets" {
				want = c.sets
			}
			code, stdout, stderr := command(t, "diff", flag, "--json", "-n100", a, c.b)
			require.Empty(t, stderr)
			var r diffResult
			require.NoError(t, json.Unmarshal([]byte(stdout), &r))
			require.Equal(t, want, r.Different, c.b+flag)
			require.Len(t, r.Differences, want)
			require.Equal(t, map[bool]int{true: exitDone, false: exitNo}[want == 0], code)
		}
	}
	code, stdout, _ := command(t, "diff", a, file("byte", "x", "y", "zb", "z"))
	require.Equal(t, exitNo, code)
	require.Equal(t, "~ record 2 differs from byte 1 on (1 and 2 bytes)\nA has 4 records, B 4: 1 difference\n", stdout)
	require.Contains(t, ok(t, "diff", filepath.Join(dir, "a[0:1]"), filepath.Join(dir, "same[0:1]")), "equal")
}

// Sets of more than one part.
func TestDiffOfLargeSets(t *testing.T) {
	n := hashesTogether + 100
	write := func(numbers []int) string {
		name := filepath.Join(t.TempDir(), "x")
		w, err := arrayrecord.Create(context.Background(), name, arrayrecord.WithGroupSize(10000))
		require.NoError(t, err)
		for _, i := range numbers {
			require.NoError(t, w.Write([]byte(fmt.Sprint(i))))
		}
		require.NoError(t, w.Close())
		return name
	}
	numbers := rand.Perm(n)
	a := write(numbers)
	slices.Sort(numbers)
	numbers[77] = -1
	code, stdout, _ := command(t, "diff", "--sets", a, write(numbers))
	require.Equal(t, exitNo, code)
	require.Contains(t, stdout, "record 77 is in B only")
	require.Contains(t, stdout, ": 2 differences")
}

func TestStats(t *testing.T) {
	out := ok(t, "stats", digits)
	require.Contains(t, out, "200 records, 33.3 KiB decoded\n")
	require.Contains(t, out, "█")
	require.Regexp(t, `0 +\[14\.\.25\] +2\.\.62 +int64 +ink`, out)
	var s struct {
		Records  int
		Features map[string]featureJSON
		Sizes    struct {
			Min, Max  int
			Histogram []bar
		}
	}
	require.NoError(t, json.Unmarshal([]byte(ok(t, "stats", "--json", digits)), &s))
	require.Equal(t, 200, s.Records)
	require.Equal(t, 9.0, *s.Features["label"].Max)
	require.Equal(t, 64, *s.Features["image"].MinBytes)
	total := 0
	for _, b := range s.Sizes.Histogram {
		total += b.Count
	}
	require.Equal(t, 200, total)

	out = ok(t, "stats", writeFile(t, `{"a":1}`, "text", "", "\x00\xff", "\x89PNG\r\n\x1a\n"))
	require.Contains(t, out, "5 records are no tf.train.Examples: 1 JSON, 1 bytes, 1 empty, 1 image/png, 1 text")
	require.Equal(t, "no records\n", ok(t, "stats", writeFile(t)))
}

func TestStatsOfFeaturesThatDiffer(t *testing.T) {
	example := func(features map[string]*tfexample.Feature) string {
		record, err := tfexample.Encode(features)
		require.NoError(t, err)
		return string(record)
	}
	out := ok(t, "stats", writeFile(t,
		example(map[string]*tfexample.Feature{"a": tfexample.Ints(1, 2), "b": tfexample.Strings("\xff\xd8\xff")}),
		example(map[string]*tfexample.Feature{"a": tfexample.Floats(0.5)}),
		example(map[string]*tfexample.Feature{"a": {}, "c\x1b": tfexample.Strings("\x1b", "\x1b")}),
	))
	require.Regexp(t, `0 +\[0\.\.2\] +0\.5\.\.2 +empty/float/int64 +a`, out)
	require.Regexp(t, `2 +\[1\] +3 B +image/jpeg +b`, out)
	require.NotContains(t, out, "\x1b")
}

// Buckets of sizes are next to each other, and sizes are in them.
func TestSizeBuckets(t *testing.T) {
	last := -1
	for size := range 100_000 {
		b := sizeBucket(size)
		require.Contains(t, []int{last, last + 1}, b)
		require.LessOrEqual(t, bucketStart(b), size)
		require.Less(t, size, bucketStart(b+1))
		last = b
	}
	require.Less(t, sizeBucket(1<<62), 64*16)
}

func TestTopValuesFindTheFrequentOnes(t *testing.T) {
	var top topValues
	for i := range 100_000 {
		top.add(fmt.Sprint(i))
		if i%10 == 0 {
			top.add("often")
		}
	}
	require.Equal(t, "often", top.most(1)[0].Value)
	require.LessOrEqual(t, len(top.counts), maxTop)
}

func TestSchema(t *testing.T) {
	require.Regexp(t, `100 % +\[1\] +bytes +image`, ok(t, "schema", digits))
	require.Contains(t, ok(t, "schema", "-n", "5", digits), "5 of 200 records")
	require.Contains(t, ok(t, "schema", writeFile(t, "abc")), "1 text")
	require.Contains(t, ok(t, "schema", writeFile(t)), "0 of 0 records")
}

// A protobuf type comes from a file of descriptors or from the metadata.
func TestProtobufTypes(t *testing.T) {
	file := protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto)
	const typeName = "google.protobuf.UninterpretedOption.NamePart"
	record, err := proto.Marshal(&descriptorpb.UninterpretedOption_NamePart{NamePart: proto.String("x"), IsExtension: proto.Bool(true)})
	require.NoError(t, err)
	set, err := proto.Marshal(&descriptorpb.FileDescriptorSet{File: []*descriptorpb.FileDescriptorProto{file}})
	require.NoError(t, err)
	descriptors := filepath.Join(t.TempDir(), "types.pb")
	require.NoError(t, os.WriteFile(descriptors, set, 0o666))
	plain := writeFile(t, string(record))

	one, err := proto.Marshal(file)
	require.NoError(t, err)
	message := protowire.AppendTag(nil, 1, protowire.BytesType)
	message = protowire.AppendString(message, "a \x1b comment")
	message = protowire.AppendTag(message, 2, protowire.BytesType)
	message = protowire.AppendString(message, typeName)
	message = protowire.AppendTag(message, 3, protowire.BytesType)
	message = protowire.AppendBytes(message, one)
	var b bytes.Buffer
	w, err := arrayrecord.NewWriter(&b)
	require.NoError(t, err)
	require.NoError(t, w.SetMetadata(message))
	require.NoError(t, w.Write(record))
	require.NoError(t, w.Close())
	described := filepath.Join(t.TempDir(), "described")
	require.NoError(t, os.WriteFile(described, b.Bytes(), 0o666))

	want := `{"name_part":"x","is_extension":true}` + "\n"
	require.Equal(t, want, ok(t, "cat", "-f", "json", described))
	require.Equal(t, want, ok(t, "cat", "--type", typeName, "--descriptor-set", descriptors, plain))
	require.Equal(t, want, ok(t, "cat", "--type", typeName, described))
	require.Contains(t, ok(t, "schema", described), "  string name_part = 1\n  bool is_extension = 2\n")
	info := ok(t, "info", described)
	require.Contains(t, info, typeName)
	require.Contains(t, info, `a \x1b comment`)

	code, _, stderr := command(t, "cat", "--type", "no.Such", "--descriptor-set", descriptors, plain)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no message type no.Such")
	code, _, _ = command(t, "cat", "--descriptor-set", descriptors, plain)
	require.Equal(t, exitUsage, code)
	code, _, stderr = command(t, "cat", "--type", typeName, "--descriptor-set", plain, plain)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "not a set of descriptors")
}

func TestJSONOfAnything(t *testing.T) {
	require.Equal(t, lines(`{"a":[1,2]}`, `"<text>"`, `{"base64":"AP8="}`, `""`),
		ok(t, "cat", "-f", "json", writeFile(t, "{ \"a\": [1,\n2]}", "<text>", "\x00\xff", "")))
}
