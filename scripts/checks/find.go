package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Sources without checks of a file's bytes: they write, or take what callers say.
var leftOut = []string{"writer.cc", "options.cc", "capi.cc", "capi_options.cc", "named_file.cc", "footer_builder.cc",
	"thread_pool.cc", "transpose_encoder.cc", "stream_compressor.cc"}

// Checks of what is written. Nobody has that much memory.
var ofWriters = []string{"n > kMaxRecordsInChunk", "in.size > UINT32_MAX"}

// Checks of values of 4 GiB, which take several times that in memory.
var tooLarge = []string{"transpose_decoder.cc size > UINT32_MAX", "transpose_decoder.cc whole > UINT32_MAX"}

// Checks of what a later one finds as well: what is no number is not taken, and is none for who comes
// next. They are there for the order of things.
var implied = []string{"transpose_decoder.cc !TakeVarint64(header, &size)",
	"transpose_decoder.cc !TakeVarint64(&data, &header_size)"}

// Parsers of a few bytes only say that they failed, and not why.
var parsers = []string{"varint.h", "layout.cc", "chunk_index.cc", "chunk_index.h", "transpose_decoder.cc"}

// What damage is answered with. The other codes are for other things: AR_INTERNAL for what cannot be.
const failure = `(\b(Corrupt|CutOff|Foreign|TooLarge|RecordTooLarge|TooSmall|TooMuch|Short|Mismatch|WrongClaim|UnknownCodec|CheckLarge|bad)\(` +
	`|\bStatus\(\s*AR_(DATA_LOSS|TRUNCATED|RESOURCE_EXHAUSTED|OUT_OF_RANGE|INVALID_ARGUMENT)\b|\bnone\.Clone\()`

// The shapes that a check has: what stands before its condition, and behind. In the first of each pair
// the condition is the rest of what the pattern matches.
var (
	answersFailure = regexp.MustCompile(`^\{?\s*(?:return|status =)\s[^;]*?` + failure)
	saysFailure    = regexp.MustCompile(`^\{?\s*return false;`)
	triesCheck     = regexp.MustCompile(`^AR_TRY\((?:\w+(?:->|\.))?Check\w+\(`)
	isGoodElseBad  = regexp.MustCompile(`^\{?\s*return Status\(\);\s*(?:\}\s*)?(?://[^\n]*\n\s*)*(?:if \([^\n]*\) \{?\s*)?return [^;?]*?` + failure)
	goodOrFailure  = regexp.MustCompile(`return ([^;?{}]+?)\s*\?\s*Status\(\)\s*:\s*[^;]*?` + failure)
	allGood        = regexp.MustCompile(`return ([^;?{}]+ &&\s[^;?{}]+);`)
	allAlike       = regexp.MustCompile(`alike &= ([^;]+);`)
	checkingCall   = regexp.MustCompile(`(?:AR_TRY\(|return )((?:\w+(?:\(\))?(?:->|\.))?(?:Check[A-Z]\w*|VerifyData)\()`)
)

// A check is an expression, bytes [begin, end) of a file, that a function of check.h is put around.
type check struct {
	number     int
	file       string
	line       int
	begin, end int
	function   string
	text       string
}

func (c check) String() string { return fmt.Sprintf("%s:%d: %s", c.file, c.line, c.text) }

// find lists the checks of the sources in a folder. Those of a file have numbers in a row.
func find(dir string) ([]check, error) {
	var names []string
	for _, glob := range []string{"*.cc", "*.h"} {
		found, err := filepath.Glob(filepath.Join(dir, glob))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	var all []check
	for i, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		base := filepath.Base(name)
		if slices.Contains(leftOut, base) {
			continue
		}
		found := checksOf(data, slices.Contains(parsers, base))
		if len(found) > maxPerFile {
			return nil, fmt.Errorf("%s: %d checks", base, len(found))
		}
		for k, c := range found {
			c.file = base
			c.number = i*maxPerFile + k
			if known := base + " " + c.text; !slices.Contains(implied, known) && !slices.Contains(tooLarge, known) {
				all = append(all, c)
			}
		}
	}
	return all, nil
}

// So that a new check does not change the numbers in other files.
const maxPerFile = 256

func checksOf(data []byte, isParser bool) []check {
	var checks []check
	add := func(begin, end int, function string) {
		for begin < end && strings.IndexByte(" \n", data[begin]) >= 0 {
			begin++
		}
		text := strings.Join(strings.Fields(string(data[begin:end])), " ")
		overlaps := func(c check) bool { return begin < c.end && c.begin < end }
		if slices.Contains(ofWriters, text) || slices.ContainsFunc(checks, overlaps) {
			return
		}
		checks = append(checks, check{line: 1 + bytes.Count(data[:begin], []byte("\n")),
			begin: begin, end: end, function: function, text: text})
	}
	bad := func(begin, end int) {
		for _, part := range alternatives(data, begin, end) {
			add(part[0], part[1], "Bad")
		}
	}
	good := func(begin, end int, operator string) {
		for _, part := range split(data, begin, end, operator) {
			add(part[0], part[1], "Good")
		}
	}
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte("if ("))
		if i < 0 {
			break
		}
		begin := at + i + len("if (")
		end := closing(data, begin)
		at = begin
		rest := bytes.TrimLeft(data[end+1:], " \n")
		switch {
		case answersFailure.Match(rest), isParser && saysFailure.Match(rest), triesCheck.Match(rest):
			bad(begin, end)
		case isGoodElseBad.Match(rest):
			if len(split(data, begin, end, "||")) > 1 {
				add(begin, end, "Good")
			} else {
				good(begin, end, "&&")
			}
		}
	}
	for _, m := range goodOrFailure.FindAllSubmatchIndex(data, -1) {
		good(m[2], m[3], "&&")
	}
	for _, m := range allAlike.FindAllSubmatchIndex(data, -1) {
		good(m[2], m[3], "&")
	}
	if isParser {
		for _, m := range allGood.FindAllSubmatchIndex(data, -1) {
			if len(split(data, m[2], m[3], "||")) == 1 {
				good(m[2], m[3], "&&")
			}
		}
	}
	for _, m := range checkingCall.FindAllSubmatchIndex(data, -1) {
		end := closing(data, m[2])
		if data[m[0]] == 'r' {
			end = m[2] + bytes.IndexByte(data[m[2]:], ';')
		}
		add(m[2], end, "Answer")
	}
	slices.SortFunc(checks, func(a, b check) int { return a.begin - b.begin })
	return checks
}

// alternatives are the reasons for which a condition holds: the operands of its ||, also where they
// stand in parentheses after &&.
func alternatives(data []byte, begin, end int) [][2]int {
	var all [][2]int
	for _, part := range split(data, begin, end, "||") {
		factors := split(data, part[0], part[1], "&&")
		last := factors[len(factors)-1]
		if len(factors) > 1 && data[last[0]] == '(' && closing(data, last[0]+1) == last[1]-1 {
			all = append(all, alternatives(data, last[0]+1, last[1]-1)...)
		} else {
			all = append(all, part)
		}
	}
	return all
}

// split cuts an expression at an operator that is in no parentheses.
func split(data []byte, begin, end int, operator string) [][2]int {
	var parts [][2]int
	put := func(begin, end int) {
		for strings.IndexByte(" \n", data[begin]) >= 0 {
			begin++
		}
		for strings.IndexByte(" \n", data[end-1]) >= 0 {
			end--
		}
		parts = append(parts, [2]int{begin, end})
	}
	depth := 0
	for i := begin; i < end; i++ {
		switch data[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth--
		case operator[0]:
			spaced := i > begin && strings.IndexByte(" \n", data[i-1]) >= 0 &&
				bytes.HasPrefix(data[i:end], []byte(operator)) && strings.IndexByte(" \n", data[i+len(operator)]) >= 0
			if depth == 0 && spaced {
				put(begin, i)
				begin = i + len(operator)
			}
		}
	}
	put(begin, end)
	return parts
}

// closing is where the parenthesis is closed that was opened just before begin.
func closing(data []byte, begin int) int {
	depth := 1
	for i := begin; i < len(data); i++ {
		switch data[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return len(data) - 1
}

// guarded is a source with the functions of check.h around its checks.
func guarded(data []byte, checks []check) []byte {
	var out []byte
	at := 0
	for _, c := range checks {
		out = append(out, data[at:c.begin]...)
		out = fmt.Appendf(out, "::checks::%s(%d, (%s))", c.function, c.number, data[c.begin:c.end])
		at = c.end
	}
	return append(out, data[at:]...)
}
