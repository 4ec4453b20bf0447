package main

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// The tests start themselves as a peer.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "--serve" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Every operation of this module, as a process of its own, gives what the data hold.
func TestOurs(t *testing.T) {
	chosen := choose(nil)
	require.Len(t, chosen, 1)
	command, err := chosen[0].prepare("", "")
	require.NoError(t, err)
	var out bytes.Buffer
	r := &runner{
		dir: t.TempDir(), repeat: 2, long: time.Microsecond,
		results: json.NewEncoder(&out), progress: io.Discard,
	}
	require.NoError(t, r.launch(chosen, [][]string{command}))
	d := datasets[slices.IndexFunc(datasets, func(d dataset) bool { return d.name == "examples" })]
	s := share{records: 300, codecs: allCodecs, groups: allGroups, operations: operationNames()}
	experiments := s.experiments(d.name, allCodecs, allGroups, operationNames())
	require.NoError(t, r.run(t.Context(), d, s.records, experiments))
	require.NoError(t, r.stop())

	decoder := json.NewDecoder(&out)
	for range 2 * len(experiments) {
		var result result
		require.NoError(t, decoder.Decode(&result))
		assert.Positive(t, result.Seconds, "%v", &result.experiment)
		assert.Positive(t, result.Records, "%v", &result.experiment)
	}
	assert.False(t, decoder.More())
	left, err := os.ReadDir(r.dir)
	require.NoError(t, err)
	assert.Empty(t, left, "data that are left behind")
}

// A process that answers each request with the same line.
func fakePeer(t *testing.T, script string) *peer {
	t.Helper()
	p, err := launch(contestant{name: "fake", extension: arrayRecordExtension, grouped: true}, "sh", "-c", script)
	require.NoError(t, err)
	t.Cleanup(func() { p.stop() })
	return p
}

const helloOnly = `read line; echo '{"operations":["read_all"]}'; `

func TestPeersThatFail(t *testing.T) {
	for name, test := range map[string]struct{ script, want string }{
		"an error":    {`read line; echo '{"error":"no such file"}'`, "peer fake: read_all: no such file"},
		"no JSON":     {`read line; echo Hello`, `answer "Hello"`},
		"an end":      {`read line; exit 0`, "the process has ended"},
		"few records": {`read line; echo '{"records":1,"bytes":3,"seconds":1}'`, "1 records, 3 bytes instead of 2, 6"},
		"few bytes":   {`read line; echo '{"records":2,"bytes":5,"seconds":1}'`, "2 records, 5 bytes instead of 2, 6"},
		"no CRC":      {`read line; echo '{"records":2,"bytes":6,"seconds":1}'`, "not those of the data set"},
		"other bytes": {`read line; echo '{"records":2,"bytes":6,"seconds":1,"crc":1}'`, "not those of the data set"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &place{records: [][]byte{[]byte("one"), []byte("two")}, indices: []int{1, 0}, bytes: 6}
			_, err := p.do(fakePeer(t, helloOnly+test.script), &request{Op: opReadAll, Count: 1, Verify: true})
			assert.ErrorContains(t, err, test.want)
		})
	}
}

// Random reads are checked by the sizes and the order of the records asked for.
func TestCheckOfRandomReads(t *testing.T) {
	p := &place{records: [][]byte{[]byte("a"), []byte("bb"), []byte("cccc")}, indices: []int{2, 0, 1}, bytes: 7, least: 1}
	q := &request{Op: opBatch, Batch: 2, Count: 2} // records 2, 0, 1, 2
	crc := crc32.ChecksumIEEE([]byte("ccccabbcccc"))
	assert.NoError(t, p.check(q, &answer{Records: 4, Bytes: 11}))
	assert.Error(t, p.check(q, &answer{Records: 4, Bytes: 14}))
	q.Verify = true
	assert.NoError(t, p.check(q, &answer{Records: 4, Bytes: 11, CRC: &crc}))
	other := crc32.ChecksumIEEE([]byte("accccbbcccc"))
	assert.Error(t, p.check(q, &answer{Records: 4, Bytes: 11, CRC: &other}))

	q = &request{Op: opLoader, Batch: 4, Count: 1}
	assert.NoError(t, p.check(q, &answer{Records: 4, Bytes: 9}))
	assert.Error(t, p.check(q, &answer{Records: 4}), "a loader that reads nothing")
	q = &request{Op: opOpen, Count: 5}
	assert.NoError(t, p.check(q, &answer{Records: 5, Bytes: 15}))
	assert.Error(t, p.check(q, &answer{Records: 5}), "files that have no records")
}

// The data are the same in every run, and are what their names say.
func TestDatasets(t *testing.T) {
	for _, d := range datasets {
		t.Run(d.name, func(t *testing.T) {
			const n = 256
			var files [2]string
			for i := range files {
				files[i] = filepath.Join(t.TempDir(), "data.tfrecord")
				require.NoError(t, d.write(files[i], n))
			}
			a, err := os.ReadFile(files[0])
			require.NoError(t, err)
			b, err := os.ReadFile(files[1])
			require.NoError(t, err)
			assert.True(t, bytes.Equal(a, b), "two runs differ")
			records, err := loadRecords(files[0])
			require.NoError(t, err)
			require.Len(t, records, n)
			assert.NotEqual(t, records[0], records[1])

			// The size of the data of the file, without index and postscript, by zstd:3.
			file := filepath.Join(t.TempDir(), "data.arrayrecord")
			require.NoError(t, writeArrayRecord(t.Context(), file, records, "group_size:1,zstd:3"))
			r, err := arrayrecord.Open(t.Context(), file)
			require.NoError(t, err)
			defer r.Close()
			_, compressed := r.ChunkExtent(0, r.NumChunks())
			size := 0
			for _, record := range records {
				size += len(record)
				switch d.name {
				case "lorem":
					assert.Len(t, bytes.Fields(record), 200)
				case "small":
					assert.Len(t, record, 100)
				case "jpeg":
					assert.Len(t, record, 100_000)
				case "examples":
					_, err := tfexample.Decode(record)
					assert.NoError(t, err)
				}
			}
			switch ratio := float64(compressed) / float64(size); d.name {
			case "lorem": // upstream's guide: 54.12 %, with the index
				assert.InDelta(t, 0.54, ratio, 0.05)
			case "jpeg":
				assert.InDelta(t, 1, ratio, 0.01)
			}
		})
	}
}

func TestPermutation(t *testing.T) {
	name := filepath.Join(t.TempDir(), "indices")
	require.NoError(t, writePermutation(name, 1000))
	indices, err := readPermutation(name)
	require.NoError(t, err)
	require.Len(t, indices, 1000)
	assert.False(t, slices.IsSorted(indices))
	slices.Sort(indices)
	assert.Equal(t, []int{0, 1, 999}, []int{indices[0], indices[1], indices[999]})
}

func TestPeakMemory(t *testing.T) {
	resident, err := resetPeak()
	if err != nil {
		t.Skip("this system does not tell:", err)
	}
	const size = 64 << 20
	b := bytes.Repeat([]byte{1}, size)
	grown := peakMemory() - resident
	runtime.KeepAlive(b)
	assert.InDelta(t, size, grown, size/4)
}

// The page around the section stays as it is, whichever of both is made first.
func TestSync(t *testing.T) {
	dir := t.TempDir()
	report := filepath.Join(dir, "report.md")
	flags := []string{"--sync", "--repeat=2", "--dir=" + dir, "--report=" + report}
	s, err := parseFlags(flags)
	require.NoError(t, err)
	require.True(t, s.sync)
	sections := func(other bool) {
		page, err := os.ReadFile(report)
		require.NoError(t, err)
		before, section, after := cutSection(string(page), syncTitle)
		assert.Contains(t, section, "| 3 files of 64 records, ")
		assert.Contains(t, section, "| one file of 1,000 records, ")
		assert.Contains(t, section, "2 repetitions")
		assert.Contains(t, section, strings.Join(flags, " "))
		assert.Equal(t, 1, strings.Count(section, "\n## ")+1)
		assert.Empty(t, after)
		assert.Equal(t, other, before != "")
		if golden, err := os.ReadFile(filepath.Join("testdata", "report.md")); assert.NoError(t, err) && other {
			assert.True(t, string(golden) == before, "the rest of the page has changed")
		}
	}
	for _, other := range []bool{false, true, true} {
		require.NoError(t, reportSync(t.Context(), s, strings.Join(flags, " "), []syncCase{{3, 64}, {1, 1000}}))
		sections(other)
		require.NoError(t, writeReport(filepath.Join("testdata", "run.jsonl"), report))
		sections(true)
	}
	left, err := filepath.Glob(filepath.Join(dir, "sync-*"))
	require.NoError(t, err)
	assert.Empty(t, left)

	before, section, after := cutSection("a\n## B\nb\n## C\nc\n", "## B\n")
	assert.Equal(t, []string{"a\n", "## B\nb\n", "## C\nc\n"}, []string{before, section, after})
}

func TestFlags(t *testing.T) {
	for args, want := range map[string]string{
		"--size=huge":           `no size is called "huge"`,
		"--peers=upstraem":      `--peers: "upstraem" is none of`,
		"--datasets=lorem,text": `--datasets: "text" is none of`,
		"--groups=7":            `--groups: "7" is none of 1, 256`,
		"lorem":                 "no arguments are expected",
	} {
		_, err := parseFlags(strings.Fields(args))
		assert.ErrorContains(t, err, want)
	}
	s, err := parseFlags(strings.Fields("--size=tiny --peers= --codecs=snappy --groups=256 --repeat=9 --time=3s"))
	require.NoError(t, err)
	assert.Empty(t, s.peers)
	assert.Equal(t, []string{"snappy"}, s.codecs)
	assert.Equal(t, []int{256}, s.groups)
	assert.Equal(t, 9, s.size.repeat)
	assert.Equal(t, 3*time.Second, s.size.long)
}
