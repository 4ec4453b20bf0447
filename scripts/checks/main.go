// Command checks shows that the core's checks of its input are tested: it removes each of them in turn,
// from a copy of the sources, and some C++ test must fail then.
//
// A check is an if statement that answers damage: its next statement returns Corrupt(...), CutOff(...)
// and the like. The condition is replaced by one that is never true.
//
// Usage: go run ./scripts/checks [-list] [-jobs N] [-only REGEXP]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Sources without checks of input: they write, or take what callers and the system say.
var leftOut = []string{"writer.cc", "options.cc", "capi.cc", "capi_options.cc", "file.cc", "temporary_file.cc",
	"thread_pool.cc", "transpose_encoder.cc"}

var (
	answer = regexp.MustCompile(`^\{?\s*(return|status =)\s[^;]*\b(Corrupt|CutOff|Foreign|TooLarge|OverLimit|Invalid)\(`)
	// Parsers of a few bytes only say that they failed.
	failure = regexp.MustCompile(`^\{?\s*return false;`)
	parsers = []string{"varint.h", "layout.cc", "block.h", "chunk.cc", "state_machine.cc"}
)

// A check is the condition of an if statement, bytes [begin, end) of a file.
type check struct {
	file       string
	line       int
	begin, end int
	text       string
}

func (c check) String() string { return fmt.Sprintf("%s:%d: if (%s)", c.file, c.line, c.text) }

func main() {
	log.SetFlags(0)
	list := flag.Bool("list", false, "only list the checks")
	jobs := flag.Int("jobs", runtime.NumCPU(), "how many are tried at a time")
	only := flag.String("only", "", "only checks whose line, as listed, matches")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	checks, err := find("cpp", pattern)
	if err != nil {
		log.Fatal(err)
	}
	if *list {
		for _, c := range checks {
			fmt.Println(c)
		}
		return
	}
	missed, err := tryAll(checks, *jobs)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d checks, %d of them removed without a test failing\n", len(checks), len(missed))
	for _, c := range missed {
		fmt.Println(" ", c)
	}
	if len(missed) > 0 {
		os.Exit(1)
	}
}

// find lists the checks of the sources in a folder.
func find(dir string, pattern *regexp.Regexp) ([]check, error) {
	var checks []check
	var names []string
	for _, glob := range []string{"*.cc", "*.h"} {
		found, err := filepath.Glob(filepath.Join(dir, glob))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	for _, name := range names {
		base := filepath.Base(name)
		if slices.Contains(leftOut, base) {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
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
			if !answer.Match(rest) && !(slices.Contains(parsers, base) && failure.Match(rest)) {
				continue
			}
			c := check{file: base, line: 1 + bytes.Count(data[:begin], []byte("\n")), begin: begin, end: end,
				text: strings.Join(strings.Fields(string(data[begin:end])), " ")}
			if pattern.MatchString(c.String()) {
				checks = append(checks, c)
			}
		}
	}
	return checks, nil
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

// tryAll gives the checks that no test misses.
func tryAll(checks []check, jobs int) ([]check, error) {
	root, err := os.MkdirTemp("", "checks")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	fmt.Println("building the core and its tests")
	base := &build{dir: filepath.Join(root, "base")}
	if err := base.prepare(); err != nil {
		return nil, err
	}
	if test, out := base.firstFailure(); test != "" {
		return nil, fmt.Errorf("%s fails with all checks in place:\n%s", test, out)
	}
	work := make(chan check)
	var mu sync.Mutex
	var missed []check
	var failed error
	var wg sync.WaitGroup
	for j := range jobs {
		wg.Go(func() {
			b, err := base.copyTo(filepath.Join(root, fmt.Sprint("job", j)))
			for c := range work {
				var test string
				if err == nil {
					test, err = b.without(c)
				}
				mu.Lock()
				switch {
				case err != nil:
					failed = errors.Join(failed, fmt.Errorf("%s: %w", c, err))
				case test == "":
					missed = append(missed, c)
					fmt.Println("NOT NOTICED:", c)
				default:
					fmt.Printf("%s: %s\n", test, c)
				}
				mu.Unlock()
			}
		})
	}
	for _, c := range checks {
		work <- c
	}
	close(work)
	wg.Wait()
	return missed, failed
}

// A build is the core as a shared library, and the tests that use it.
type build struct {
	dir   string
	tests []string
}

var flags = []string{"-std=c++17", "-O1", "-fPIC", "-w", "-MMD", "-I."}

func run(dir, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

func (b *build) prepare() error {
	if err := os.CopyFS(b.dir, os.DirFS("cpp")); err != nil {
		return err
	}
	// Tests read files of the repository beside the sources.
	if data, err := filepath.Abs("testdata"); err == nil {
		if err := os.Symlink(data, filepath.Join(filepath.Dir(b.dir), "testdata")); err != nil {
			return err
		}
	}
	sources, err := filepath.Glob(filepath.Join(b.dir, "*.cc"))
	if err != nil {
		return err
	}
	helpers, err := filepath.Glob(filepath.Join(b.dir, "tests", "*.cc"))
	if err != nil {
		return err
	}
	var objects []string
	for _, list := range [][]string{sources, helpers} {
		for _, source := range list {
			objects = append(objects, source)
		}
	}
	if err := b.compile(objects); err != nil {
		return err
	}
	if err := b.link(); err != nil {
		return err
	}
	var shared []string
	for _, h := range helpers {
		if !strings.HasSuffix(h, "_test.cc") {
			shared = append(shared, object(h))
		}
	}
	for _, h := range helpers {
		test, ok := strings.CutSuffix(filepath.Base(h), "_test.cc")
		if !ok {
			continue
		}
		program := filepath.Join(b.dir, test+"_test")
		args := append([]string{"-o", program, object(h)}, shared...)
		args = append(args, "-L.", "-lcore", "-Wl,-rpath,$ORIGIN", "-lgmock", "-lgtest_main", "-lgtest",
			"-lbrotlienc", "-lbrotlidec", "-lbrotlicommon", "-lsnappy", "-lzstd", "-lhighwayhash", "-pthread")
		if err := run(b.dir, "g++", args...); err != nil {
			return err
		}
		b.tests = append(b.tests, test+"_test")
	}
	// Those that most checks are for come first.
	slices.SortStableFunc(b.tests, func(a, c string) int { return rank(a) - rank(c) })
	return nil
}

func rank(test string) int {
	for i, word := range []string{"damage", "hostile", "reader", "limits", "chunk", "transpose", "layout"} {
		if strings.Contains(test, word) {
			return i
		}
	}
	return 100
}

func object(source string) string { return strings.TrimSuffix(source, ".cc") + ".o" }

func (b *build) compile(sources []string) error {
	var wg sync.WaitGroup
	slots := make(chan bool, runtime.NumCPU())
	errs := make([]error, len(sources))
	for i, source := range sources {
		wg.Go(func() {
			slots <- true
			defer func() { <-slots }()
			rel, err := filepath.Rel(b.dir, source)
			if err == nil {
				err = run(b.dir, "g++", append(slices.Clone(flags), "-c", "-o", object(rel), rel)...)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// link makes the shared library of the core's objects.
func (b *build) link() error {
	objects, err := filepath.Glob(filepath.Join(b.dir, "*.o"))
	if err != nil {
		return err
	}
	// The library uses its own inline functions, not those of the tests.
	args := append([]string{"-shared", "-Wl,-Bsymbolic", "-o", "libcore.so"}, objects...)
	return run(b.dir, "g++", append(args, "-lbrotlienc", "-lbrotlidec", "-lbrotlicommon", "-lsnappy", "-lzstd", "-lhighwayhash")...)
}

func (b *build) copyTo(dir string) (*build, error) {
	return &build{dir, b.tests}, run(".", "cp", "-a", b.dir, dir)
}

// without gives the test that fails when a check is removed, "" if there is none.
func (b *build) without(c check) (string, error) {
	name := filepath.Join(b.dir, c.file)
	whole, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	// Never true, while all that it names is still used.
	removed := slices.Concat(whole[:c.begin], []byte("false && ("), whole[c.begin:c.end], []byte(")"), whole[c.end:])
	if err := os.WriteFile(name, removed, 0o666); err != nil {
		return "", err
	}
	sources, err := b.users(c.file)
	if err != nil {
		return "", err
	}
	defer func() {
		os.WriteFile(name, whole, 0o666)
		b.compile(sources)
	}()
	if err := b.compile(sources); err != nil {
		return "", err
	}
	if err := b.link(); err != nil {
		return "", err
	}
	test, _ := b.firstFailure()
	return test, nil
}

// users are the core's sources that a file is part of.
func (b *build) users(file string) ([]string, error) {
	deps, err := filepath.Glob(filepath.Join(b.dir, "*.d"))
	if err != nil {
		return nil, err
	}
	var sources []string
	for _, d := range deps {
		data, err := os.ReadFile(d)
		if err != nil {
			return nil, err
		}
		if slices.Contains(strings.Fields(string(data)), file) {
			sources = append(sources, strings.TrimSuffix(d, ".d")+".cc")
		}
	}
	return sources, nil
}

// firstFailure runs the tests until one fails, hangs, or takes far too much memory.
func (b *build) firstFailure() (test, output string) {
	for _, test := range b.tests {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, "sh", "-c", "ulimit -v 16000000; exec ./"+test+" --gtest_brief=1")
		cmd.Dir = b.dir
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			return test, string(out)
		}
	}
	return "", ""
}
