// Package pattern matches names with patterns as storage.List knows them.
package pattern

import (
	"path"
	"strings"
)

// Literal gives what a pattern segment starts with before its first
// special character, and whether that is all of it. Escapes are resolved.
func Literal(segment string) (prefix string, all bool) {
	var b strings.Builder
	for i := 0; i < len(segment); i++ {
		switch segment[i] {
		case '*', '?', '[':
			return b.String(), false
		case '\\':
			i++ // a valid pattern does not end with it
		}
		b.WriteByte(segment[i])
	}
	return b.String(), true
}

// MatchSegment matches one segment of a name. Hidden names want a pattern that
// starts with a dot, too.
func MatchSegment(pattern, segment string) bool {
	if hidden(segment) && !hidden(pattern) {
		return false
	}
	ok, err := path.Match(pattern, segment)
	return ok && err == nil
}

// Match matches the segments of a name, with "**" for any number of
// directories.
func Match(pattern, segments []string) bool {
	// reached[j]: the pattern so far matches the first j segments.
	reached := make([]bool, len(segments)+1)
	reached[0] = true
	for i, p := range pattern {
		if p == "**" {
			for j, segment := range segments[:len(segments)-1] {
				if reached[j] && !hidden(segment) {
					reached[j+1] = true
				}
			}
			if i < len(pattern)-1 {
				continue
			}
			p = "*" // a final "**" means every object below
		}
		for j := len(segments) - 1; j >= 0; j-- {
			reached[j+1] = reached[j] && MatchSegment(p, segments[j])
		}
		reached[0] = false
	}
	return reached[len(segments)]
}

func hidden(segment string) bool { return strings.HasPrefix(segment, ".") }
