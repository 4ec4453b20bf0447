package pipelines

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	direct.Register3x1((*listFn).ProcessElement)
	direct.Register3x1((*findFn).ProcessElement)
	direct.Register4x1((*onceFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[found]())
	beam.RegisterFunction(keyOf)
	beam.RegisterFunction(pathOf)
	register.Emitter1[found]()
	register.Emitter1[string]()
	register.Iter1[found]()
}

// Sources say which files a pipeline reads. Each is read once, however many
// patterns it matches.
type Sources struct {
	// Input are patterns as package storage knows them, or names. '*' and '?'
	// stand for characters within a name, '**' for any number of directories. It
	// is an error if no file matches one of them.
	Input []string
	// InputLists are the names of files with a pattern or name in each line.
	InputLists []string
}

func newSources(input string) Sources { return Sources{Input: []string{input}} }

func (s *Sources) addFlags(flags *flag.FlagSet, kind string) {
	s.Input = slices.DeleteFunc(s.Input, func(pattern string) bool { return pattern == "" })
	flags.Func("input", "`pattern` of the "+kind+" files; may be given several times", func(pattern string) error {
		s.Input = append(s.Input, pattern)
		return nil
	})
	flags.Func("input_list", "`file` with a pattern or name in each line; may be given several times", func(name string) error {
		s.InputLists = append(s.InputLists, name)
		return nil
	})
}

// check finds what is wrong with them, and makes names absolute: workers may
// have another working directory.
func (s Sources) check(ranges bool) (Sources, error) {
	if len(s.Input) == 0 && len(s.InputLists) == 0 {
		return s, errors.New("no input given")
	}
	var checked Sources
	for _, pattern := range s.Input {
		if err := (match.Options{Caller: "input", Ranges: ranges}).Check(pattern); err != nil {
			return s, err
		}
		pattern, err := absolute(pattern)
		if err != nil {
			return s, err
		}
		checked.Input = append(checked.Input, pattern)
	}
	for _, name := range s.InputLists {
		if _, err := storage.For(name); err != nil {
			return s, err
		}
		name, err := absolute(name)
		if err != nil {
			return s, err
		}
		checked.InputLists = append(checked.InputLists, name)
	}
	return checked, nil
}

// isOne reports whether there is a single pattern only, which needs no step that
// looks for files twice named.
func (s Sources) isOne() bool { return len(s.Input) == 1 && len(s.InputLists) == 0 }

// patterns gives the patterns, a PCollection of string.
func (s Sources) patterns(scope beam.Scope) beam.PCollection {
	var all []beam.PCollection
	if len(s.Input) > 0 {
		all = append(all, beam.CreateList(scope, s.Input))
	}
	if len(s.InputLists) > 0 {
		lists := beam.CreateList(scope, s.InputLists)
		all = append(all, beam.ParDo(scope, &listFn{}, lists))
	}
	if len(all) == 1 {
		return all[0]
	}
	return beam.Flatten(scope, all...)
}

// What files that are found are counted as. Those that a later step finds again are
// not counted as found.
type counting struct{ Found, ToVerify bool }

// fileCounters count files as Count says.
type fileCounters struct {
	Count counting

	found  counters.Finds
	verify counters.Verified
}

// Setup makes the counters, which do not travel.
func (c *fileCounters) Setup() { c.found, c.verify = counters.Found(), counters.Verify() }

func (c *fileCounters) add(ctx context.Context, file found) {
	if c.Count.Found {
		c.found.Add(ctx, 1, file.wanted())
	}
	if c.Count.ToVerify {
		c.verify.Expect(ctx, file.Size)
	}
}

// find gives the files, a PCollection of found, spread over the workers.
func (s Sources) find(scope beam.Scope, ranges bool, count counting) beam.PCollection {
	if s.isOne() {
		return beam.Reshuffle(scope, beam.ParDo(scope, &findFn{fileCounters{Count: count}, ranges}, s.patterns(scope)))
	}
	files := beam.ParDo(scope, &findFn{Ranges: ranges}, s.patterns(scope))
	return beam.ParDo(scope, &onceFn{fileCounters{Count: count}}, beam.GroupByKey(scope, beam.ParDo(scope, keyOf, files)))
}

// found is a file to read, or the records [Begin, End) of one.
type found struct {
	Name       string
	Size       int64
	Begin, End int64 // End is -1 if all records are meant
	// Below is the directory of the file, seen from the one that the pattern has
	// before its first wildcard.
	Below string
}

// path gives the name with the range.
func (f found) path() string {
	if f.End < 0 {
		return f.Name
	}
	return fmt.Sprintf("%s[%d:%d]", f.Name, f.Begin, f.End)
}

func keyOf(f found) (string, found) { return f.path(), f }

func pathOf(f found) string { return f.path() }

// listFn gives the lines of a file.
type listFn struct{}

// ProcessElement reads one file.
func (*listFn) ProcessElement(ctx context.Context, name string, emit func(string)) error {
	return readList(ctx, name, emit)
}

func readList(ctx context.Context, name string, use func(string)) (err error) {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return fmt.Errorf("the list of inputs: %w", err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	lines := bufio.NewScanner(io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size()))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			use(line)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("the list of inputs %s: %w", name, err)
	}
	return nil
}

// findFn gives the files of a pattern.
type findFn struct {
	fileCounters
	Ranges bool
}

// ProcessElement looks for one pattern.
func (f *findFn) ProcessElement(ctx context.Context, pattern string, emit func(found)) error {
	files, err := findFiles(ctx, pattern, f.Ranges)
	if err != nil {
		return err
	}
	for _, file := range files {
		f.add(ctx, file)
		emit(file)
	}
	return nil
}

// wanted is how many bytes reading takes, as far as that is known.
func (f found) wanted() int64 {
	if f.End >= 0 {
		return 0
	}
	return f.Size
}

func findFiles(ctx context.Context, pattern string, ranges bool) ([]found, error) {
	matched, err := match.Options{Caller: "input", Ranges: ranges}.Find(ctx, pattern)
	if err != nil {
		return nil, err
	}
	files := make([]found, len(matched))
	for i, file := range matched {
		files[i] = found{Name: file.Name, Size: file.Size, Begin: file.Begin, End: file.End, Below: below(pattern, file.Name)}
	}
	return files, nil
}

// below gives the directory of a file that matches a pattern, without what the
// pattern says literally of it: "day=2" for "in/day=*/x" and "in/day=2/x".
func below(pattern, name string) string {
	dir, _ := storage.Split(name)
	fixed := pattern
	if wild := strings.IndexAny(pattern, `*?[\`); wild >= 0 && pattern != name {
		fixed = pattern[:wild]
	}
	fixed, _ = storage.Split(fixed)
	rest, ok := strings.CutPrefix(dir, fixed)
	if !ok {
		return ""
	}
	return strings.Trim(rest, "/")
}

// onceFn gives each file once.
type onceFn struct{ fileCounters }

// ProcessElement is called with all finds of a file.
func (f *onceFn) ProcessElement(ctx context.Context, _ string, next func(*found) bool, emit func(found)) error {
	var all []found
	for {
		var file found
		if !next(&file) {
			break
		}
		all = append(all, file)
	}
	// The same one whatever their order is.
	file := slices.MinFunc(all, func(a, b found) int { return cmp.Compare(a.Below, b.Below) })
	f.add(ctx, file)
	emit(file)
	return nil
}

// absolute makes a local name independent of the working directory, which a
// worker may not share.
func absolute(name string) (string, error) {
	if name == "" || storage.Scheme(name) != "" || filepath.IsAbs(name) {
		return name, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	// Not filepath.Abs, which would take a slash from the end: it has a meaning.
	return strings.TrimRight(dir, "/") + "/" + strings.TrimPrefix(name, "./"), nil
}
