package main

import (
	"slices"
	"strings"
	"testing"
)

func TestShapesOfChecks(t *testing.T) {
	for _, c := range []struct {
		source string
		parser bool
		want   []string
	}{
		{source: `if (a > b || c == 0) return Corrupt("no");`, want: []string{"Bad a > b", "Bad c == 0"}},
		{source: "if (a >\n    f(b, (c))) {\n  return Status(AR_DATA_LOSS, g());\n}", want: []string{"Bad a > f(b, (c))"}},
		{source: `if (x && (a || b)) return TooMuch();`, want: []string{"Bad a", "Bad b"}},
		{source: `if (a && b) return bad();`, want: []string{"Bad a && b"}},
		{source: `if (a) status = Corrupt("no");`, want: []string{"Bad a"}},
		{source: `if (a && f(b && c)) return Status(); return Mismatch("x", 1);`, want: []string{"Good a", "Good f(b && c)"}},
		{source: "if (a || b) return Status();\n// Why.\nif (c) return Mismatch();", want: []string{"Good a || b", "Bad c"}},
		{source: `return a == 0 ? Status() : Corrupt("no");`, want: []string{"Good a == 0"}},
		{source: `if (size > 9) AR_TRY(CheckHead(first));`, want: []string{"Bad size > 9", "Answer CheckHead(first)"}},
		{source: `AR_TRY(file->CheckAll(a, b).At(c)); return chunk.VerifyData().At(d);`,
			want: []string{"Answer file->CheckAll(a, b).At(c)", "Answer chunk.VerifyData().At(d)"}},
		{source: "alike &= (a > b) &\n  f(c);", want: []string{"Good (a > b)", "Good f(c)"}},
		{source: `if (a) return false; return b && c;`, parser: true, want: []string{"Bad a", "Good b", "Good c"}},
		{source: `if (a) return false; return b && c;`},
		{source: `if (a) return Status(AR_INTERNAL, "cannot be"); if (b) return Status();`},
	} {
		data := []byte(c.source)
		checks := checksOf(data, c.parser)
		var got []string
		for _, found := range checks {
			got = append(got, found.function+" "+found.text)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s\nhas %q, want %q", c.source, got, c.want)
		}
		if n := strings.Count(string(guarded(data, checks)), "::checks::"); n != len(c.want) {
			t.Errorf("%s\nhas %d guards, want %d", guarded(data, checks), n, len(c.want))
		}
	}
}

// The other way round: the checks that are known to be there are on the list.
func TestKnownChecksAreFound(t *testing.T) {
	checks, err := find("../../cpp")
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{
		"chunk.cc header.data_size > limit - begin", "chunk.cc Hash(data, header.data_size) == header.data_hash",
		"records_chunk.cc header.decoded_data_size != indexed.decoded_size", "varint.h i == in->size",
		"reader.cc PaddedEnd(chunk.end) != tail_begin", "layout.cc magic != kMagic", "codec.cc n == size",
		"simple_chunk.cc sizes[i] > left", "transpose_decoder.cc next >= states_.size()",
		"chunk_index.cc count > end_ - offset", "reader.h size <= options_.max_record_size",
	} {
		if !slices.ContainsFunc(checks, func(c check) bool { return c.file+" "+c.text == known }) {
			t.Errorf("%s is not among %d checks", known, len(checks))
		}
	}
	numbers := make(map[int]bool)
	for _, c := range checks {
		if numbers[c.number] || c.number >= maxChecks {
			t.Errorf("%s has the number %d", c, c.number)
		}
		numbers[c.number] = true
	}
}
