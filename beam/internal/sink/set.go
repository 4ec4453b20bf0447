package sink

import (
	"context"
	"crypto/sha256"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// shardSet is what one write gives names to: all shards of a window and pane,
// however many there turn out to be.
type shardSet struct {
	Prefix, Template, Suffix string
	Destination              string
	Pane                     pane
	Unique                   string // the letter U
}

func (c Config) set(p pane) shardSet {
	return shardSet{Prefix: c.Prefix, Template: *c.Template, Suffix: c.Suffix, Pane: p, Unique: c.Unique}
}

// name gives the name of one shard, from 0, of n.
func (s shardSet) name(shard, n int) string {
	return s.Prefix + s.expand(func(run string) string {
		if run[0] == 'S' {
			return fmt.Sprintf("%0*d", len(run), shard)
		}
		return fmt.Sprintf("%0*d", len(run), n)
	}, func(rest string) string { return rest }) + s.Suffix
}

// expand replaces the letters of the template: those of numbers as number says,
// the others by what they stand for. All that is no number goes through text.
func (s shardSet) expand(number, text func(string) string) string {
	var b strings.Builder
	at := 0
	for _, run := range letters.FindAllStringIndex(s.Template, -1) {
		b.WriteString(text(s.Template[at:run[0]]))
		at = run[1]
		switch letters := s.Template[run[0]:run[1]]; letters[0] {
		case 'W':
			b.WriteString(text(s.Pane.Window))
		case 'V':
			b.WriteString(text(s.Pane.WindowUTC))
		case 'P':
			b.WriteString(text(s.Pane.Pane))
		case 'U':
			b.WriteString(text(s.Unique))
		default:
			b.WriteString(number(letters))
		}
	}
	b.WriteString(text(s.Template[at:]))
	return b.String()
}

// contains gives what tells whether a file beside the shards, of which it gets
// the last part of the name, has a name of this set.
func (s shardSet) contains() func(base string) bool {
	_, base := storage.Split(s.Prefix)
	expr := regexp.MustCompile("^" + regexp.QuoteMeta(base) + s.expand(
		func(run string) string { return fmt.Sprintf("[0-9]{%d,}", len(run)) }, regexp.QuoteMeta) +
		regexp.QuoteMeta(s.Suffix) + "$")
	return expr.MatchString
}

// existing lists the files that have names of this set.
func (s shardSet) existing(ctx context.Context) ([]storage.Info, error) {
	infos, err := storage.List(ctx, escape(s.Prefix)+"*")
	if err != nil {
		return nil, err
	}
	contains := s.contains()
	return slices.DeleteFunc(infos, func(i storage.Info) bool {
		_, base := storage.Split(i.Name)
		return !contains(base)
	}), nil
}

// recordBase is what the names of the set's records begin with, without their
// directory. It reads like the names of the shards.
func (s shardSet) recordBase() string {
	_, base := storage.Split(s.Prefix)
	name := "." + base + s.expand(func(run string) string { return run }, func(text string) string { return text }) + s.Suffix
	const longest = 180 // file systems allow 255 bytes, and a number follows
	if len(name) > longest {
		sum := sha256.Sum256([]byte(name))
		name = fmt.Sprintf("%s-%x", name[:longest-17], sum[:8])
	}
	return name
}

// escape makes a pattern that matches a name alone.
func escape(name string) string { return escaper.Replace(name) }

var escaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

// String names the set in errors.
func (s shardSet) String() string {
	text := s.Prefix
	if s.Destination != "" {
		text += fmt.Sprintf(", destination %q", s.Destination)
	}
	if s.Pane != (pane{}) {
		text += fmt.Sprintf(", window %s, %s", s.Pane.Window, s.Pane.Pane)
	}
	return text
}
