package docs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// A block is a code block or table of format.md behind a comment `<!-- check:NAME -->`.
type block struct {
	lines []string   // of a code block
	rows  [][]string // of a table, without its head
}

// checks has what must hold for each block. A block without a check is as wrong as a check without
// its block.
var checks = map[string]func(t *testing.T, b block){
	"varints":                 checkVarints,
	"positions":               checkPositions,
	"chunk-types":             checkChunkTypes,
	"signature":               checkSignature,
	"compression-types":       checkCompressionTypes,
	"blocks":                  checkBlocks,
	"simple-chunks":           checkSimpleChunks,
	"transposed-1-records":    func(t *testing.T, _ block) { require.Len(t, exampleRecords(t, "transposed-1"), 1) },
	"transposed-1":            func(t *testing.T, b block) { checkTransposed(t, b, "transposed-1") },
	"transposed-1-trace":      func(t *testing.T, b block) { checkTrace(t, b, "transposed-1") },
	"transposed-2-records":    func(t *testing.T, _ block) { require.Len(t, exampleRecords(t, "transposed-2"), 6) },
	"transposed-2":            func(t *testing.T, b block) { checkTransposed(t, b, "transposed-2") },
	"transposed-2-trace":      func(t *testing.T, b block) { checkTrace(t, b, "transposed-2") },
	"transposed-3":            checkEmptyTransposed,
	"postscript":              checkPostscript,
	"damage":                  checkDamage,
	"writer-keys":             func(t *testing.T, b block) { checkKeys(t, b, parseWriter) },
	"writer-options":          func(t *testing.T, b block) { checkOptions(t, b, parseWriter) },
	"writer-defaults":         checkDefaults,
	"writer-same":             func(t *testing.T, b block) { checkSame(t, b, parseWriter) },
	"reader-keys":             func(t *testing.T, b block) { checkKeys(t, b, parseReader) },
	"reader-options":          func(t *testing.T, b block) { checkOptions(t, b, parseReader) },
	"reader-same":             func(t *testing.T, b block) { checkSame(t, b, parseReader) },
	"hash":                    checkHash,
	"empty-file":              checkEmptyFile,
	"interrupted-header":      checkInterruptedHeader,
	"more-records-than-bytes": checkMoreRecordsThanBytes,
	"padding":                 checkPadding,
}

func TestBlocks(t *testing.T) {
	blocks := readBlocks(t)
	for name, check := range checks {
		t.Run(name, func(t *testing.T) {
			b, found := blocks[name]
			require.True(t, found, "format.md has no block check:%s", name)
			require.NotEmpty(t, slices.Concat(b.lines, slices.Concat(b.rows...)))
			check(t, b)
		})
	}
	for name := range blocks {
		require.Contains(t, checks, name)
	}
}

func formatPage(t *testing.T) string {
	text, err := os.ReadFile("format.md")
	require.NoError(t, err)
	return string(text)
}

func readBlocks(t *testing.T) map[string]block {
	marker := regexp.MustCompile(`^<!-- check:(\S+) -->$`)
	lines := strings.Split(formatPage(t), "\n")
	blocks := map[string]block{}
	for i, line := range lines {
		match := marker.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		require.NotContains(t, blocks, match[1])
		var b block
		rest := lines[i+1:]
		if rest[0] == "```" {
			end := slices.Index(rest[1:], "```")
			require.GreaterOrEqual(t, end, 0)
			b.lines = rest[1 : 1+end]
		} else {
			for _, row := range rest {
				if !strings.HasPrefix(row, "|") {
					break
				}
				cells := strings.Split(strings.Trim(row, "|"), "|")
				for c := range cells {
					cells[c] = strings.TrimSpace(cells[c])
				}
				b.rows = append(b.rows, cells)
			}
			require.Greater(t, len(b.rows), 2, match[1])
			b.rows = b.rows[2:]
		}
		blocks[match[1]] = b
	}
	return blocks
}

// plain takes the backticks off a cell.
func plain(cell string) string { return strings.Trim(cell, "`") }

func number(t *testing.T, s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err)
	return n
}

// hexBytes are the bytes of a line, up to its comment.
func hexBytes(t *testing.T, line string) []byte {
	line, _, _ = strings.Cut(line, "#")
	b, err := hex.DecodeString(strings.ReplaceAll(line, " ", ""))
	require.NoError(t, err, line)
	return b
}

func allBytes(t *testing.T, b block) []byte {
	var all []byte
	for _, line := range b.lines {
		all = append(all, hexBytes(t, line)...)
	}
	return all
}

// requireDump compares a dump with addresses with a file, and says how many bytes it has.
func requireDump(t *testing.T, b block, file []byte) int {
	n := 0
	for _, line := range b.lines {
		address, content, found := strings.Cut(line, ": ")
		require.True(t, found, line)
		at, err := strconv.ParseUint(address, 16, 32)
		require.NoError(t, err)
		want := hexBytes(t, content)
		require.Equal(t, fmt.Sprintf("% x", want), fmt.Sprintf("% x", file[at:at+uint64(len(want))]), line)
		n += len(want)
	}
	return n
}

// encode writes a file with the library.
func encode(t *testing.T, options string, records ...[]byte) []byte {
	var out bytes.Buffer
	w, err := arrayrecord.NewWriter(&out, arrayrecord.WithWriterOptions(options))
	require.NoError(t, err)
	for _, r := range records {
		require.NoError(t, w.Write(r))
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// decode reads a file with the library.
func decode(file []byte) ([][]byte, error) {
	r, err := arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.ReadAll(context.Background())
}

func requireDecoded(t *testing.T, want [][]byte, file []byte) {
	got, err := decode(file)
	require.NoError(t, err)
	requireSame(t, want, got)
}

func requireSame(t *testing.T, want, got [][]byte) {
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, bytes.Equal(want[i], got[i]), "record %d", i)
	}
}

// ---- Sections 0 to 4 ----

func checkVarints(t *testing.T, b block) {
	valid, invalid := 0, 0
	for _, row := range b.rows {
		in := input(hexBytes(t, plain(row[1])))
		switch row[0] {
		case "invalid as varint32":
			require.ErrorIs(t, attempt(func() { in.varint32() }), errInvalid, row)
			invalid++
		case "invalid as varint64":
			require.ErrorIs(t, attempt(func() { in.varint64() }), errInvalid, row)
			invalid++
		default:
			again := slices.Clone(in)
			require.NoError(t, attempt(func() { require.Equal(t, number(t, row[0]), in.varint64()) }))
			require.Empty(t, in)
			if number(t, row[0]) <= math.MaxUint32 {
				require.NoError(t, attempt(func() { require.Equal(t, number(t, row[0]), again.varint32()) }))
			}
			valid++
		}
	}
	require.GreaterOrEqual(t, valid, 6)
	require.GreaterOrEqual(t, invalid, 4)
}

func checkPositions(t *testing.T, b block) {
	form := regexp.MustCompile(`^(\w+)\(([\d, ]+)\) = (\d+)(\s+#.*)?$`)
	seen := map[string]int{}
	for _, line := range b.lines {
		match := form.FindStringSubmatch(line)
		require.NotNil(t, match, line)
		var args []uint64
		for arg := range strings.SplitSeq(match[2], ", ") {
			args = append(args, number(t, arg))
		}
		var got uint64
		switch match[1] {
		case "advance":
			got = advance(args[0], args[1])
		case "distance":
			got = distance(args[0], args[1])
		case "round_up":
			got = roundUp(args[0])
		case "chunk_end":
			got = chunkEnd(args[0], args[1], args[2])
		}
		require.Equal(t, number(t, match[3]), got, line)
		seen[match[1]]++
	}
	for _, f := range []string{"advance", "distance", "round_up", "chunk_end"} {
		require.GreaterOrEqual(t, seen[f], 2, f)
	}
}

// The formulas against their meaning: writing byte by byte.
func TestPositionsCountBlockHeaders(t *testing.T) {
	for begin := uint64(blockSize - 50); begin < blockSize+50; begin++ {
		if !canBegin(begin) {
			continue
		}
		pos := begin
		for n := uint64(0); n < 2*blockSize+100; n++ {
			if pos != advance(begin, n) || n != distance(begin, pos) {
				require.Fail(t, "wrong", "%d bytes from %d end at %d", n, begin, pos)
			}
			if pos%blockSize == 0 {
				pos += blockHeader
			}
			pos++
		}
	}
}

func checkChunkTypes(t *testing.T, b block) {
	var kinds []byte
	for _, row := range b.rows {
		var value byte
		var char rune
		_, err := fmt.Sscanf(strings.ReplaceAll(row[0], "`", ""), "%x '%c'", &value, &char)
		require.NoError(t, err, row[0])
		require.Equal(t, rune(value), char)
		kinds = append(kinds, value)
		if char != 'r' && char != 't' {
			require.Equal(t, "0", row[2])
		}
		if char == 's' || char == 'p' {
			require.Equal(t, "0", row[3])
		}
	}
	require.ElementsMatch(t, []byte("smprt"), kinds)
}

func checkSignature(t *testing.T, b block) {
	require.Equal(t, 64, requireDump(t, b, encode(t, "")))
	requireDump(t, b, writeChunk(nil, 's', nil, 0, 0))
	for _, f := range realFiles(t) {
		requireDump(t, b, f.data)
	}
}

func checkCompressionTypes(t *testing.T, b block) {
	types := map[string]arrayrecord.Compression{}
	for _, row := range b.rows {
		byteText, char, _ := strings.Cut(row[0], " ")
		value, err := strconv.ParseUint(plain(byteText), 16, 8)
		require.NoError(t, err)
		if char != "" {
			require.Equal(t, "'"+string(rune(value))+"'", char)
		}
		types[row[1]] = arrayrecord.Compression(value)
	}
	require.Equal(t, map[string]arrayrecord.Compression{"none": arrayrecord.Uncompressed, "brotli": arrayrecord.Brotli,
		"zstd": arrayrecord.Zstd, "snappy": arrayrecord.Snappy}, types)
}

func checkBlocks(t *testing.T, b block) {
	require.Len(t, b.rows, 2)
	nothing, zero := b.rows[0], b.rows[1]
	for i, kind := range []byte{0, 'z', 'b', 's'} {
		size := hexBytes(t, plain(zero[i+1]))
		for n, values := range []string{nothing[i+1], zero[i+1]} {
			// The size of a single record is not looked at, so that one size block does for both.
			data := join([]byte{kind, byte(len(size))}, size, hexBytes(t, plain(values)))
			requireDecoded(t, [][]byte{make([]byte, n)}, fileOf('r', data, 1, uint64(n)))
		}
	}
}

func checkSimpleChunks(t *testing.T, b block) {
	require.Len(t, b.lines, 2)
	for i, options := range []string{"uncompressed", "zstd"} {
		data := hexBytes(t, b.lines[i])
		_, comment, _ := strings.Cut(b.lines[i], `# "`)
		text, _, found := strings.Cut(comment, `": `+[]string{"none", "zstd"}[i]+",")
		require.True(t, found, b.lines[i])
		record := []byte(text)
		requireDecoded(t, [][]byte{record}, fileOf('r', data, 1, uint64(len(record))))
		require.Equal(t, data, readChunk(encode(t, options, record), 64, 131072).data)
		if options == "uncompressed" {
			require.Equal(t, data, encodeSimple([][]byte{record}))
		}
	}
}

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
		_, err := arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
		require.ErrorIs(t, err, c.want, c.step)
		clear(file[:64]) // the signature decides steps 1 to 4 only
		_, err = arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
		if c.step < "5" && c.step[1] == ':' {
			c.want = arrayrecord.ErrNotArrayRecord
		}
		require.ErrorIs(t, err, c.want, c.step)
	}

	harmless := map[string]func(*layout){
		"decoded_data_size": func(l *layout) { l.entry = entryRecord(begin, 1e9, n) },
		"unknown fields": func(l *layout) {
			l.entry = join(varintField(9, 1), l.entry, bytesField(1, []byte("x")), []byte{0x7b, 0x78, 1, 0x7c, 0x7d, 1, 2, 3, 4})
		},
		"order and repetition": func(l *layout) { l.entry = join(varintField(3, 7), varintField(3, n), varintField(1, begin)) },
		"long varints":         func(l *layout) { l.entry = []byte{8, 0x80 | begin, 0x80, 0, 24, n} },
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
	} {
		r, err := arrayrecord.NewReader(bytes.NewReader(file), int64(len(file)))
		require.NoError(t, err, name)
		_, err = r.ReadAll(context.Background())
		require.ErrorIs(t, err, corrupt, name)
		require.NoError(t, r.Close())
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

// ---- Appendices ----

func checkHash(t *testing.T, b block) {
	require.GreaterOrEqual(t, len(b.rows), 10)
	for _, row := range b.rows {
		data := make([]byte, number(t, row[0]))
		for i := range data {
			data[i] = byte(i)
		}
		require.Equal(t, plain(row[1]), fmt.Sprintf("0x%016x", hash(data)), row)
	}
}

func checkEmptyFile(t *testing.T, b block) {
	file := encode(t, "uncompressed")
	require.Len(t, file, 131072)
	requireDump(t, b, file)
	// What is not shown is zero.
	for _, line := range b.lines {
		address, content, _ := strings.Cut(line, ": ")
		at, err := strconv.ParseUint(address, 16, 32)
		require.NoError(t, err)
		clear(file[at : at+uint64(len(hexBytes(t, content)))])
	}
	require.Empty(t, bytes.Trim(file, "\x00"))
}

func checkInterruptedHeader(t *testing.T, b block) {
	file := encode(t, "uncompressed", make([]byte, 65424), []byte("second"))
	require.Equal(t, 65606-65533, requireDump(t, b, file))
	require.Equal(t, uint64(65606), readChunk(file, 65533, uint64(len(file))).end)
}

func checkMoreRecordsThanBytes(t *testing.T, b block) {
	data := make([]byte, 100064)
	for _, line := range b.lines {
		address, content, _ := strings.Cut(line, ": ")
		at, err := strconv.ParseUint(address, 16, 32)
		require.NoError(t, err)
		copy(data[at:], hexBytes(t, content))
	}
	c := readChunk(data, 64, uint64(len(data)))
	require.Equal(t, uint64(len(data)), c.end)
	file := fileOf('r', c.data, c.numRecords, c.decoded)
	require.True(t, bytes.Equal(data[64:], file[64:c.end]))
	requireDecoded(t, make([][]byte, 100000), file)
}

func checkPadding(t *testing.T, b block) {
	var records [][]byte
	for _, row := range b.rows {
		records = append(records, make([]byte, number(t, row[0])))
	}
	file := encode(t, "uncompressed,pad_to_block_boundary:true", records...)
	pos := uint64(64)
	for _, row := range b.rows {
		c := readChunk(file, pos, uint64(len(file)))
		next, padding := c.end, "none"
		if next%blockSize != 0 {
			p := readChunk(file, next, uint64(len(file)))
			require.Equal(t, byte('p'), p.kind)
			next, padding = p.end, strconv.FormatUint(p.dataSize, 10)
		}
		require.Equal(t, row, []string{row[0], fmt.Sprint(pos), fmt.Sprint(c.dataSize), fmt.Sprint(c.end),
			fmt.Sprint(rem(c.end)), padding, fmt.Sprint(next)})
		pos = next
	}
}

// ---- References ----

func headings(t *testing.T) (sections []string, titles []string) {
	for _, match := range regexp.MustCompile(`(?m)^(##|###) ((?:Appendix )?([\w.]+?)\.? .+)$`).FindAllStringSubmatch(formatPage(t), -1) {
		sections = append(sections, match[3])
		if match[1] == "##" {
			titles = append(titles, match[2])
		}
	}
	require.Greater(t, len(sections), 40)
	return sections, titles
}

func TestContentsListAllSections(t *testing.T) {
	_, titles := headings(t)
	var listed []string
	for _, match := range regexp.MustCompile(`(?m)^\* \[([^]]+)\]\(#([^)]+)\)$`).FindAllStringSubmatch(formatPage(t), -1) {
		listed = append(listed, match[1])
		anchor := strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(match[1]), ".", ""), " ", "-")
		require.Equal(t, anchor, match[2])
	}
	require.Equal(t, titles, listed)
}

func TestReferencesToSections(t *testing.T) {
	sections, _ := headings(t)
	prose := regexp.MustCompile("(?s)\n```.*?\n```").ReplaceAllString(formatPage(t), "")
	inParentheses := regexp.MustCompile(`\((\d\.\d+|\d)(?:(?:, | to | and )(\d\.\d+|\d))*\)`)
	found := inParentheses.FindAllStringSubmatch(prose, -1)
	require.Greater(t, len(found), 20)

	// Comments of the code that name a section, also across the end of a line.
	inCode := regexp.MustCompile(`format\.md\)?,?\s+sections?\s+(\d+(?:\.\d+)?)(?:(?:,| and| to)\s+(\d+(?:\.\d+)?))?`)
	commentLine := regexp.MustCompile(`\n\s*(//|\*|#)+\s*`)
	references := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // somebody's temporary file
			return nil
		}
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); name != ".." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "build") {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".h", ".c", ".cc", ".md", ".py"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range inCode.FindAllStringSubmatch(commentLine.ReplaceAllString(string(text), " "), -1) {
			references++
			for _, section := range match[1:] {
				if section != "" {
					require.Contains(t, sections, section, "%s refers to section %s", path, section)
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, references, 10)
	for _, match := range found {
		for _, section := range match[1:] {
			if section != "" {
				require.Contains(t, sections, section, match[0])
			}
		}
	}
}
