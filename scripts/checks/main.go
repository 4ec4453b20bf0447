// Command checks shows that the core's checks of its input are tested: it removes each of them in turn,
// and some C++ test must fail then.
//
// A check is a condition that is answered with damage, or a call of a function that has such an answer;
// find.go says how they look. Operands of || and && count as checks of their own. The core and its tests
// are built once, from a copy in which each check can be removed while they run (check.h). The tests run
// once with all checks, which tells what each program is good for; a check is then tried with the
// programs in which it finds something. Crashing, hanging, and taking far too much memory is failing.
//
// Usage: go run ./scripts/checks [-list] [-jobs N] [-only REGEXP]
package main

import (
	"bytes"
	"cmp"
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

const (
	dir        = "build/checks"
	maxChecks  = 1 << 16  // as in check.h
	spaceLimit = 16 << 20 // KiB of addresses, of which tests reserve many
)

func main() {
	log.SetFlags(0)
	list := flag.Bool("list", false, "only list the checks")
	jobs := flag.Int("jobs", runtime.NumCPU(), "how many programs run at a time")
	only := flag.String("only", "", "only try checks whose line, as listed, matches")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal(err)
	}
	checks, err := find("cpp")
	if err != nil {
		log.Fatal(err)
	}
	tried := slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !pattern.MatchString(c.String()) })
	if *list {
		for _, c := range tried {
			fmt.Println(c)
		}
		return
	}
	fmt.Println("building the core and its tests in", dir)
	programs, err := build(checks, *jobs)
	if err != nil {
		log.Fatal(err)
	}
	if err := runAll(programs, *jobs); err != nil {
		log.Fatal(err)
	}
	unnoticed := try(tried, programs, *jobs)
	fmt.Printf("%d checks, %d unnoticed\n", len(tried), len(unnoticed))
	for _, c := range unnoticed {
		fmt.Println(" ", c)
	}
	if len(unnoticed) > 0 {
		os.Exit(1)
	}
}

// A program has tests. After it has run with all checks in place it is known how long that takes, and
// which checks found something.
type program struct {
	name  string
	took  time.Duration // of the processors
	fired []byte        // by the number of the check
}

// build makes the test programs. What has not changed since the last time is not compiled again.
func build(checks []check, jobs int) ([]*program, error) {
	of := make(map[string][]check)
	for _, c := range checks {
		of[c.file] = append(of[c.file], c)
	}
	var wanted []string
	var programs []*program
	put := func(name string, data []byte) error {
		wanted = append(wanted, name)
		name = filepath.Join(dir, name)
		if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
			return nil
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return err
		}
		return os.WriteFile(name, data, 0o666)
	}
	for _, glob := range []string{"cpp/*.cc", "cpp/*.h", "cpp/*.hpp", "cpp/tests/*.cc", "cpp/tests/*.h", "cpp/tests/*.c",
		"scripts/cpp-tests.mk", "scripts/checks/check.h"} {
		names, err := filepath.Glob(glob)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			if found := of[filepath.Base(name)]; len(found) > 0 && filepath.Dir(name) == "cpp" {
				data = guarded(data, found)
			}
			if err := put(name, data); err != nil {
				return nil, err
			}
			if stem := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name)); strings.HasSuffix(stem, "_test") {
				programs = append(programs, &program{name: "build/cpp-tests/" + stem})
			}
		}
	}
	if err := removeOthers(wanted); err != nil {
		return nil, err
	}
	// Without initial values a variable that a check leaves unset could be anything.
	args := []string{"-C", dir, "-s", "-f", "scripts/cpp-tests.mk", fmt.Sprint("-j", jobs),
		"CXX=g++ -w -ftrivial-auto-var-init=zero -include scripts/checks/check.h"}
	for _, p := range programs {
		args = append(args, p.name)
	}
	make := exec.Command("make", args...)
	make.Stdout, make.Stderr = os.Stdout, os.Stderr
	return programs, make.Run()
}

// removeOthers deletes sources of an earlier build that are no more.
func removeOthers(wanted []string) error {
	for _, glob := range []string{"cpp/*.*", "cpp/tests/*.*"} {
		names, err := filepath.Glob(filepath.Join(dir, glob))
		if err != nil {
			return err
		}
		for _, name := range names {
			rel, err := filepath.Rel(dir, name)
			if err != nil {
				return err
			}
			if !slices.Contains(wanted, rel) {
				if err := os.Remove(name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// run runs all its tests.
func (p *program) run(environment ...string) (took time.Duration, output []byte, err error) {
	// Loops end by the time of the processors, whatever else runs; what waits for ever by that of the clock.
	seconds := 300
	if p.took != 0 {
		seconds = 10 + int(5*p.took.Seconds())
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(max(60, 10*seconds))*time.Second)
	defer cancel()
	limited := fmt.Sprintf("ulimit -c 0; ulimit -v %d; ulimit -t %d; exec ./%s --gtest_brief=1 --gtest_fail_fast",
		spaceLimit, seconds, p.name)
	cmd := exec.CommandContext(ctx, "sh", "-c", limited)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), environment...)
	cmd.WaitDelay = time.Second // children of tests may have the output
	output, err = cmd.CombinedOutput()
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), output, err
}

// runAll runs all programs with all checks, several at a time.
func runAll(programs []*program, jobs int) error {
	errs := make([]error, len(programs))
	parallel(len(programs), jobs, func(i int) {
		p := programs[i]
		file, err := os.CreateTemp("", "fired")
		if err != nil {
			errs[i] = err
			return
		}
		defer os.Remove(file.Name())
		defer file.Close()
		if errs[i] = file.Truncate(maxChecks); errs[i] != nil {
			return
		}
		took, out, err := p.run("FIRED_CHECKS=" + file.Name())
		if err != nil {
			errs[i] = fmt.Errorf("%s fails with all checks in place: %w\n%s", p.name, err, out)
			return
		}
		p.took = took
		p.fired, errs[i] = os.ReadFile(file.Name())
	})
	return errors.Join(errs...)
}

// try gives the checks that no test misses.
func try(checks []check, programs []*program, jobs int) []check {
	// The fastest come first.
	slices.SortFunc(programs, func(a, b *program) int { return cmp.Compare(a.took, b.took) })
	missed := make([]bool, len(checks))
	var mu sync.Mutex
	parallel(len(checks), jobs, func(i int) {
		c := checks[i]
		by, fired := "", false
		for _, p := range programs {
			if p.fired[c.number] == 0 {
				continue
			}
			fired = true
			if _, _, err := p.run(fmt.Sprint("REMOVED_CHECK=", c.number)); err != nil {
				by = filepath.Base(p.name)
				break
			}
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case by != "":
			fmt.Printf("%s: %s\n", by, c)
		case fired:
			missed[i] = true
			fmt.Println("NOT NOTICED:", c)
		default:
			missed[i] = true
			fmt.Println("NOT NOTICED, NEVER FINDS ANYTHING:", c)
		}
	})
	var unnoticed []check
	for i, c := range checks {
		if missed[i] {
			unnoticed = append(unnoticed, c)
		}
	}
	return unnoticed
}

// parallel calls f(0) to f(n-1), `jobs` at a time.
func parallel(n, jobs int, f func(i int)) {
	work := make(chan int)
	var wg sync.WaitGroup
	for range jobs {
		wg.Go(func() {
			for i := range work {
				f(i)
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
}
