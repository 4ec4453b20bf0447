package docs_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// ---- Sections 6 and 7 ----

// evaluate computes sums such as "65432 − d".
func evaluate(t *testing.T, expression string, d uint64) uint64 {
	var sum uint64
	sign := "+"
	for term := range strings.FieldsSeq(expression) {
		value := d
		switch {
		case term == "+" || term == "−":
			sign = term
			continue
		case term != "d":
			value = number(t, term)
		}
		if sign == "−" {
			value = -value
		}
		sum += value
	}
	return sum
}

func checkPostscript(t *testing.T, b block) {
	require.Len(t, b.rows, 5)
	for _, f := range realFiles(t) {
		p := uint64(len(f.data)) - blockSize
		c := readChunk(f.data, p, uint64(len(f.data)))
		d := c.dataSize
		at := uint64(0)
		for _, row := range b.rows {
			require.Equal(t, at, evaluate(t, row[0], d), row)
			at += evaluate(t, row[1], d)
		}
		require.Equal(t, uint64(blockSize), at)
		footerOffset, _ := fields(decodeSimple(c)[0])
		l := 11 + uint64(len(varintField(1, footerOffset[1]))) - 1
		next := regexp.MustCompile("`next_chunk` (.*)$").FindStringSubmatch(b.rows[0][2])
		require.Equal(t, c.end-p, evaluate(t, next[1], d))
		require.Equal(t, 5+3*l, d)
		require.Equal(t, 3*l, c.decoded)
		require.Equal(t, p+evaluate(t, b.rows[3][0], d), c.end)
		padding := readChunk(f.data, c.end, uint64(len(f.data)))
		require.Equal(t, evaluate(t, b.rows[4][1], d), padding.dataSize)
		require.Equal(t, fmt.Sprintf("`data_size` %s", strings.TrimSpace(b.rows[4][1])),
			regexp.MustCompile("`data_size` .*").FindString(b.rows[3][2]))
	}
}

func checkDamage(t *testing.T, b block) {
	var records, others [][]byte
	for i := range 30 {
		records = append(records, bytes.Repeat([]byte{byte(i)}, 7000))
		others = append(others, bytes.Repeat([]byte{byte(i)}, 9999))
	}
	const options = "group_size:4,uncompressed"
	good := encode(t, options, records...)
	tail := uint64(len(good)) - blockSize
	postscript, _ := fields(decodeSimple(readChunk(good, tail, uint64(len(good))))[0])
	footer := postscript[1]
	change := func(at uint64) func([]byte) []byte {
		return func(d []byte) []byte {
			d[at] ^= 0x20
			return d
		}
	}
	damages := map[string]func([]byte) []byte{
		"end missing, not a multiple of 64 KiB left":                     func(d []byte) []byte { return d[:len(d)-100] },
		"end missing, whole blocks left, the last begins inside a chunk": func(d []byte) []byte { return d[:2*blockSize] },
		"one byte appended":                                 func(d []byte) []byte { return append(d, 0) },
		"all bytes zero":                                    func(d []byte) []byte { return make([]byte, len(d)) },
		"one byte of the signature changed":                 change(33),
		"one byte of a record changed":                      change(64 + 40 + 1000),
		"one byte of a chunk's header changed":              change(64 + 25),
		"one byte of a block header inside a chunk changed": change(blockSize + 9),
		"one byte of padding changed":                       change(uint64(len(good)) - 100),
		"one byte of the footer's records changed":          change(footer + 40 + 20),
		"one byte of the postscript's second copy changed":  change(tail + 64 + 5 + 13 + 2),
		"the first 64 KiB replaced by zeros":                func(d []byte) []byte { return append(make([]byte, blockSize), d[blockSize:]...) },
		"another file in front":                             func(d []byte) []byte { return append(encode(t, options, others...), d...) },
		"the same file in front":                            func(d []byte) []byte { return append(slices.Clone(d), d...) },
	}
	sentinels := map[string]error{"ErrTruncated": arrayrecord.ErrTruncated, "ErrCorrupt": arrayrecord.ErrCorrupt,
		"ErrNotArrayRecord": arrayrecord.ErrNotArrayRecord}
	form := regexp.MustCompile("^`(Err\\w+)` \"(.+)\"$")
	require.Len(t, b.rows, len(damages))
	for _, row := range b.rows {
		damage, found := damages[row[0]]
		require.True(t, found, row[0])
		bad := damage(slices.Clone(good))
		got, err := decode(bad)
		if row[2] == "reads" {
			require.NoError(t, err, row[0])
			requireSame(t, records, got)
			continue
		}
		match := form.FindStringSubmatch(row[2])
		require.NotNil(t, match, row[2])
		require.ErrorIs(t, err, sentinels[match[1]], row[0])
		require.ErrorContains(t, err, match[2], row[0])
		r, err := arrayrecord.NewReader(bytes.NewReader(bad), int64(len(bad)))
		if step, opening := strings.CutPrefix(row[1], "opening, step "); opening {
			require.Error(t, err, row[0])
			stage := "1"
			if strings.Contains(err.Error(), "cannot read the index") {
				stage = "5"
			} else if strings.Contains(err.Error(), "cannot read the postscript") || strings.Contains(err.Error(), "inside a chunk") {
				stage = "2"
			}
			require.Equal(t, stage, step, row[0])
		} else {
			require.NoError(t, err, row[0])
			require.NoError(t, r.Close())
		}
	}
}

// The checks of sections 7.1 and 7.2, by the numbers there.
func TestOpeningChecks(t *testing.T) {
	data := encodeSimple([][]byte{[]byte("one"), []byte("two")})
	const begin, size, n = 64, 6, 2
	corrupt, unsupported := arrayrecord.ErrCorrupt, arrayrecord.ErrUnsupported
	footer := uint64(begin + chunkHeader + len(data))
	postscript := func(offset, magic uint64) func(*layout) {
		return func(l *layout) { l.postscript = join(varintField(1, offset), varintField(2, magic)) }
	}
	metadata := func(version, numChunks, numRecords uint64) func(*layout) {
		return func(l *layout) { l.metadata = metadataRecord(version, numChunks, numRecords) }
	}
	entry := func(offset, numRecords uint64) func(*layout) {
		return func(l *layout) {
			l.metadata = metadataRecord(1, 1, numRecords)
			l.entry = entryRecord(offset, size, numRecords)
		}
	}
	cases := []struct {
		step  string
		spoil func(*layout)
		want  error
	}{
		{"2: type", func(l *layout) { l.postscriptKind = 'p' }, corrupt},
		{"3: message", func(l *layout) { l.postscript = []byte{8} }, corrupt},
		{"3: no offset", func(l *layout) { l.postscript = varintField(2, magic) }, corrupt},
		{"3: magic", postscript(footer, magic+1), corrupt},
		{"4: in the signature", postscript(0, magic), corrupt},
		{"4: in the last block", postscript(65536, magic), corrupt},
		{"4: elsewhere", postscript(1<<63, magic), corrupt},
		{"5: not a chunk", postscript(footer-1, magic), corrupt},
		{"5: type", func(l *layout) { l.footerKind = 'p' }, corrupt},
		{"5: no record", func(l *layout) { l.footerRecords = 0 }, corrupt},
		{"6: message", func(l *layout) { l.metadata = []byte{10, 1} }, corrupt},
		{"6: no metadata", func(l *layout) { l.metadata = bytesField(2, nil) }, corrupt},
		{"7: version 2", metadata(2, 1, n), unsupported},
		{"7: no version", func(l *layout) { l.metadata = bytesField(1, join(varintField(2, 1), varintField(3, n))) }, unsupported},
		{"8: more chunks", metadata(1, 2, n), corrupt},
		{"8: fewer chunks", metadata(1, 0, n), corrupt},
		{"9: message", func(l *layout) { l.entry = []byte{7} }, corrupt},
		{"9: no offset", func(l *layout) { l.entry = varintField(3, n) }, corrupt},
		{"10: in the signature", entry(63, n), corrupt},
		{"10: the footer", entry(footer, n), corrupt},
		{"11: no records", entry(begin, 0), corrupt},
		{"11: more records than bytes", entry(begin, footer-begin+1), corrupt},
		{"12: sum", metadata(1, 1, n+1), corrupt},
	}
	for _, c := range cases {
		file := fileWith('r', data, n, size, c.spoil)
		refused := func() {
			for way, open := range waysToOpen(t, file) {
				_, err := open()
				require.ErrorIs(t, err, c.want, "%s, %s", c.step, way)
			}
		}
		refused()
		clear(file[:64]) // the signature decides steps 1 to 4 only
		if c.step < "5" && c.step[1] == ':' {
			c.want = arrayrecord.ErrNotArrayRecord
		}
		if c.step < "4" && c.step[1] == ':' { // an intact chunk, of a file that goes on
			c.want = arrayrecord.ErrTruncated
		}
		refused()
	}

	harmless := map[string]func(*layout){
		"unknown fields": func(l *layout) {
			l.entry = join(varintField(9, 1), l.entry, bytesField(1, []byte("x")), []byte{0x7b, 0x78, 1, 0x7c, 0x7d, 1, 2, 3, 4})
		},
		"order and repetition": func(l *layout) {
			l.entry = join(varintField(3, 7), varintField(3, n), varintField(2, size), varintField(1, begin))
		},
		"long varints": func(l *layout) { l.entry = []byte{8, 0x80 | begin, 0x80, 0, 16, size, 24, n} },
		"merged metadata": func(l *layout) {
			l.metadata = join(bytesField(1, join(varintField(1, 1), varintField(2, 5))), bytesField(1, join(varintField(2, 1), varintField(3, n))))
		},
		"one copy of the postscript": func(*layout) {},
	}
	for name, spoil := range harmless {
		file := fileWith('r', data, n, size, spoil)
		if name == "one copy of the postscript" {
			tail := uint64(len(file)) - blockSize
			records := decodeSimple(readChunk(file, tail, uint64(len(file))))[:1]
			file = pad(writeChunk(file[:tail], 'r', encodeSimple(records), 1, sumSizes(records)))
		}
		requireDecoded(t, [][]byte{[]byte("one"), []byte("two")}, file)
	}

	// 7.2: seen when the chunk is read.
	for name, file := range map[string][]byte{
		"1: not a chunk": fileWith('r', data, n, size, entry(begin+1, n)),
		"2: type":        fileOf('m', data, n, size),
		"3: number":      fileWith('r', data, n, size, entry(begin, n+1)),
		"4: contents":    fileOf('r', join(data[:2], []byte{4}, data[3:]), n, size),
		"5: size":        fileWith('r', data, n, size, func(l *layout) { l.entry = entryRecord(begin, size+1, n) }),
		"5: no size":     fileWith('r', data, n, size, func(l *layout) { l.entry = join(varintField(1, begin), varintField(3, n)) }),
		"6: end":         fileWith('r', data, n, size, func(l *layout) { l.gap = 50 }),
	} {
		for way, open := range waysToOpen(t, file) {
			r, err := open()
			require.NoError(t, err, "%s, %s", name, way)
			require.NoError(t, r.Close())
			requireRefused(t, open, corrupt, name+", "+way)
		}
	}
}

// A realFile was written by upstream.
type realFile struct {
	name    string
	data    []byte
	records [][]byte
}

// realFiles are those of testdata and, where it is present, of a larger collection: the folder that
// ARRAYRECORD_GOLDEN names, or ../shared/golden beside the repository.
func realFiles(t *testing.T) []realFile {
	more := os.Getenv("ARRAYRECORD_GOLDEN")
	if more == "" {
		more = filepath.Join("..", "..", "shared", "golden")
	}
	var files []realFile
	for _, dir := range []string{filepath.Join("..", "testdata"), more} {
		lists, err := filepath.Glob(filepath.Join(dir, "*.options"))
		require.NoError(t, err)
		for _, options := range lists {
			base := strings.TrimSuffix(options, ".options")
			f := realFile{name: filepath.Base(base)}
			f.data, err = os.ReadFile(base + ".arrayrecord")
			if errors.Is(err, fs.ErrNotExist) {
				f.data, err = os.ReadFile(base + ".array_record")
			}
			require.NoError(t, err)
			list, err := os.ReadFile(base + ".records")
			require.NoError(t, err)
			for in := input(list); len(in) > 0; {
				f.records = append(f.records, in.take(uint64(binary.LittleEndian.Uint32(in.take(4)))))
			}
			files = append(files, f)
		}
	}
	require.Greater(t, len(files), 10)
	return files
}

// Every file, upstream's and this library's, is what sections 2 to 6 say, chunk by chunk.
func TestFilesAreAsDescribed(t *testing.T) {
	files := realFiles(t)
	for i, f := range files {
		t.Run(f.name, func(t *testing.T) { walkFile(t, f, true) })
		if i%3 == 0 && sumSizes(f.records) < 1<<20 {
			for _, options := range []string{"uncompressed", "group_size:7,pad_to_block_boundary:true,uncompressed", "group_size:100,brotli"} {
				mine := realFile{data: encode(t, options, f.records...), records: f.records}
				t.Run(f.name+" "+options, func(t *testing.T) { walkFile(t, mine, false) })
			}
		}
	}
}

func walkFile(t *testing.T, f realFile, upstreams bool) {
	size := uint64(len(f.data))
	require.Zero(t, size%blockSize)
	require.GreaterOrEqual(t, size, uint64(2*blockSize))
	var chunks []*chunk
	at := map[uint64]*chunk{}
	for pos := uint64(0); pos < size; {
		c := readChunk(f.data, pos, size)
		// 2.2: every block header in the chunk, also where no reader looks.
		for b := (pos + blockSize - 1) / blockSize * blockSize; b < c.end; b += blockSize {
			h := f.data[b : b+blockHeader]
			require.Equal(t, binary.LittleEndian.Uint64(h), hash(h[8:]))
			require.Equal(t, b-pos, binary.LittleEndian.Uint64(h[8:]))
			require.Equal(t, c.end-b, binary.LittleEndian.Uint64(h[16:]))
		}
		// 2.8
		switch c.kind {
		case 'p':
			require.Zero(t, c.numRecords|c.decoded)
			require.Empty(t, bytes.Trim(c.data, "\x00"))
			require.Zero(t, c.end%blockSize) // 2.11
		case 's', 'm':
			require.Zero(t, c.numRecords)
			require.Equal(t, map[byte]uint64{'s': 0, 'm': 64}[c.kind], pos)
		default:
			require.Contains(t, "rt", string(c.kind))
			require.Contains(t, []byte{0, 'b', 'z', 's'}, c.data[0])
		}
		chunks = append(chunks, c)
		at[pos] = c
		pos = c.end
	}
	kinds := ""
	for _, c := range chunks {
		kinds += string(c.kind)
	}
	require.Regexp(t, "^s(mp?)?([rt]p?)*rp?rp$", kinds)

	// 6.1 to 6.4
	postscript := at[size-blockSize]
	require.NotNil(t, postscript)
	copies := decodeSimple(postscript)
	require.Len(t, copies, 3)
	values, _ := fields(copies[0])
	require.Equal(t, uint64(magic), values[2])
	for _, c := range copies {
		require.Equal(t, join(varintField(1, values[1]), varintField(2, magic)), c)
	}
	footer := at[values[1]]
	require.NotNil(t, footer)
	require.Equal(t, byte('r'), footer.kind)
	var data []*chunk
	for _, c := range chunks {
		if (c.kind == 'r' || c.kind == 't') && c.begin < footer.begin {
			data = append(data, c)
		}
	}
	require.Equal(t, uint64(len(data)+1), footer.numRecords)
	if footer.data[0] == 0 {
		entries := decodeSimple(footer)
		_, strings := fields(entries[0])
		metadata, options := fields(strings[1])
		require.Equal(t, map[uint64]uint64{1: 1, 2: uint64(len(data)), 3: uint64(len(f.records))}, metadata)
		require.Regexp(t, `^group_size:\d+,transpose:(true|false),pad_to_block_boundary:(true|false)(,transpose_bucket_size:\d+)?`+
			`(,uncompressed|,brotli:\d+|,zstd:-?\d+|,snappy)(,window_log:\d+)?,max_parallelism:\d+$`, string(options[4]))
		for i, c := range data {
			require.Equal(t, join(varintField(1, c.begin), varintField(2, c.decoded), varintField(3, c.numRecords)), entries[1+i])
		}
	}
	var records [][]byte
	compressed := false
	for i, c := range data {
		if i+1 < len(data) {
			require.Equal(t, data[0].numRecords, c.numRecords)
		} else {
			require.LessOrEqual(t, c.numRecords, data[0].numRecords)
			require.NotZero(t, c.numRecords)
		}
		switch {
		case c.data[0] != 0:
			compressed = true
		case c.kind == 'r':
			records = append(records, decodeSimple(c)...)
		default:
			some, _ := decodeTransposed(c.data, c.numRecords, c.decoded)
			records = append(records, some...)
		}
	}
	if !compressed {
		requireSame(t, f.records, records)
	}
	if metadata := at[64]; metadata != nil && metadata.kind == 'm' && metadata.data[0] == 0 { // 2.10
		message, _ := decodeTransposed(metadata.data, 1, metadata.decoded)
		require.Len(t, message, 1)
	}
	if upstreams {
		return
	}
	requireDecoded(t, f.records, f.data)
}
