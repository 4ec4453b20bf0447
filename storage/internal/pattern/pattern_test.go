package pattern

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLiteralPrefix(t *testing.T) {
	for pattern, want := range map[string]struct {
		prefix string
		all    bool
	}{
		"":         {"", true},
		"plain":    {"plain", true},
		"a*":       {"a", false},
		"*":        {"", false},
		"a?b":      {"a", false},
		"ab[c]":    {"ab", false},
		`a\*b`:     {"a*b", true},
		`a\[1\]b*`: {"a[1]b", false},
		`\\*`:      {`\`, false},
		"ü?":       {"ü", false},
	} {
		prefix, all := Literal(pattern)
		assert.Equal(t, want.prefix, prefix, pattern)
		assert.Equal(t, want.all, all, pattern)
	}
}

func TestMatchPath(t *testing.T) {
	for pattern, names := range map[string]struct{ yes, no string }{
		"**":           {"a a/b a/b/c", ".a a/.b .a/b a/.b/c"},
		"**/x":         {"x a/x a/b/x", "xx x/a .a/x a/.b/x"},
		"a/**":         {"a/b a/b/c", "a b/a a/.b a/.b/c"},
		"a/**/b":       {"a/b a/x/b a/x/y/b", "ab a/xb a/.x/b"},
		"**/**/x":      {"x a/x a/b/x", "y a/y"},
		"**/a/**/b":    {"a/b x/a/b a/x/b a/a/b a/b/a/b", "b a b/a x/b"},
		"**/a/**/a/**": {"a/a/x a/x/a/y a/a/a/a", "a a/a a/x x/a/y"},
		"**/.h/**":     {".h/x a/.h/x a/.h/b/x", "h/x .h .h/.x"},
		"**/.*":        {".x a/.x", "x .a/.x"},
		"**/*.txt":     {"a.txt x/b.txt", "a.txt/x .txt"},
		"*/**/x":       {"a/x a/b/x", "x .a/x"},
		"**/?/[ab]*":   {"x/a x/y/bc", "xx/a x/c a"},
	} {
		for _, name := range strings.Fields(names.yes) {
			assert.True(t, Match(strings.Split(pattern, "/"), strings.Split(name, "/")), "%s %s", pattern, name)
		}
		for _, name := range strings.Fields(names.no) {
			assert.False(t, Match(strings.Split(pattern, "/"), strings.Split(name, "/")), "%s %s", pattern, name)
		}
	}
}

// Backtracking over this would take until the end of time.
func TestMatchPathIsNotExponential(t *testing.T) {
	pattern := strings.Repeat("**/a/", 50) + "b"
	name := strings.Repeat("a/", 500) + "a"
	assert.False(t, Match(strings.Split(pattern, "/"), strings.Split(name, "/")))
}
