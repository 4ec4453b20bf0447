package docs_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/recordtest"
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
	"own-options":             checkOwnOptions,
	"digest":                  checkDigest,
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
	return recordtest.All(context.Background(), r)
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
	types := map[string]byte{}
	for _, row := range b.rows {
		byteText, char, _ := strings.Cut(row[0], " ")
		value, err := strconv.ParseUint(plain(byteText), 16, 8)
		require.NoError(t, err)
		if char != "" {
			require.Equal(t, "'"+string(rune(value))+"'", char)
		}
		types[row[1]] = byte(value)
	}
	// checkBlocks decodes blocks with these bytes.
	require.Equal(t, map[string]byte{"none": 0, "brotli": 'b', "zstd": 'z', "snappy": 's'}, types)
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

func checkDigest(t *testing.T, b block) {
	file := encode(t, "uncompressed", []byte("first"), []byte("second"))
	sum := uint64(0)
	var rows [][]string
	at := uint64(64)
	for range 2 {
		header := file[at : at+40]
		decoded, n := binary.LittleEndian.Uint64(header[32:]), binary.LittleEndian.Uint64(header[24:])>>8
		part := slices.Concat(binary.LittleEndian.AppendUint64(nil, at), header[32:40],
			binary.LittleEndian.AppendUint64(nil, n), header[:8])
		sum += hash(part)
		rows = append(rows, []string{fmt.Sprint(at), fmt.Sprint(decoded), fmt.Sprint(n),
			fmt.Sprintf("`0x%016x`", binary.LittleEndian.Uint64(header)), fmt.Sprintf("`0x%016x`", hash(part))})
		at += 40 + binary.LittleEndian.Uint64(header[8:])
	}
	rows = append(rows, []string{"all", "", "", "", fmt.Sprintf("`0x%016x`", sum)})
	require.Equal(t, rows, b.rows)
	// In the footer: field 1000, length-delimited, with field 3, a varint.
	field := binary.AppendUvarint([]byte{3 << 3}, sum)
	own := slices.Concat(binary.AppendUvarint(nil, 1000<<3|2), []byte{byte(len(field))}, field)
	require.Equal(t, 1, bytes.Count(file, own))
	require.NotContains(t, string(encode(t, "uncompressed,no_digest", []byte("first"), []byte("second"))), string(own))
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
	file := encode(t, "uncompressed,no_digest")
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
