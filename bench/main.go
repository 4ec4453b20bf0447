package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--serve" {
		if err := serve(os.Stdin, os.Stdout, newOursPeer(os.Args[2:]).do); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// settings are the values of the flags.
type settings struct {
	size       size
	peers      []string
	datasets   []dataset
	codecs     []string
	groups     []int
	operations []string
	dir, out   string
	report     string
	from       string
	sync       bool
}

func parseFlags(args []string) (*settings, error) {
	var datasetNames []string
	for _, d := range datasets {
		datasetNames = append(datasetNames, d.name)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	var s settings
	sizeName := flags.String("size", "small", "how much to do: "+strings.Join(sizeNames(), ", "))
	list := func(name, what string, all []string) *string {
		return flags.String(name, strings.Join(all, ","), what)
	}
	peers := list("peers", "whom to compare with", contestantNames()[1:])
	sets := list("datasets", "which records", datasetNames)
	codecs := list("codecs", "which codecs", allCodecs)
	groups := flags.String("groups", "1,256", "which group sizes")
	names := list("operations", "which operations", operationNames())
	repeat := flags.Int("repeat", 0, "how often each is measured (default depends on the size)")
	long := flags.Duration("time", 0, "how long a peer works at a time, at least about (default depends on the size)")
	flags.StringVar(&s.dir, "dir", "build/bench", "where the data are made and removed")
	flags.StringVar(&s.out, "out", "build/bench/run.jsonl", "where the results go, a line of JSON each")
	flags.StringVar(&s.report, "report", "build/bench/performance.md", "where the report goes, with its chart beside it")
	flags.StringVar(&s.from, "from", "", "make the report of these results instead of measuring")
	flags.BoolVar(&s.sync, "sync", false, "measure only what it costs that Close waits for the disk, and put it into the report")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("no arguments are expected: %q", flags.Args())
	}
	var setNames []string
	var err error
	if s.size, err = findSize(*sizeName); err != nil {
		return nil, err
	}
	if *repeat > 0 {
		s.size.repeat = *repeat
	}
	if *long > 0 {
		s.size.long = *long
	}
	for _, l := range []struct {
		flag  string
		value string
		all   []string
		to    *[]string
	}{
		{"peers", *peers, contestantNames(), &s.peers},
		{"datasets", *sets, datasetNames, &setNames},
		{"codecs", *codecs, allCodecs, &s.codecs},
		{"operations", *names, operationNames(), &s.operations},
	} {
		if *l.to, err = parseList(l.value, l.all); err != nil {
			return nil, fmt.Errorf("--%s: %w", l.flag, err)
		}
	}
	for _, d := range datasets {
		if slices.Contains(setNames, d.name) {
			s.datasets = append(s.datasets, d)
		}
	}
	chosen, err := parseList(*groups, []string{"1", "256"})
	if err != nil {
		return nil, fmt.Errorf("--groups: %w", err)
	}
	for _, g := range chosen {
		n, _ := strconv.Atoi(g)
		s.groups = append(s.groups, n)
	}
	return &s, nil
}

// parseList parses a list of names of which there are only some.
func parseList(value string, all []string) ([]string, error) {
	if value == "" {
		return nil, nil
	}
	names := strings.Split(value, ",")
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(all, ", "))
		}
	}
	return names, nil
}

func run(ctx context.Context, args []string) error {
	s, err := parseFlags(args)
	if err != nil {
		return err
	}
	if s.sync {
		return reportSync(ctx, s, strings.Join(args, " "), syncCases)
	}
	if s.from == "" {
		s.from = s.out
		if err := measure(ctx, s, strings.Join(args, " ")); err != nil {
			return err
		}
	}
	return writeReport(s.from, s.report)
}

// measure runs the experiments and writes the results.
func measure(ctx context.Context, s *settings, flags string) (err error) {
	for _, dir := range []string{filepath.Dir(s.out), s.dir} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	f, err := os.Create(s.out)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	defer func() {
		err = errors.Join(err, out.Flush(), f.Close())
	}()
	results := json.NewEncoder(out)
	h := header{
		Kind: "run", Flags: flags, Time: time.Now().UTC().Truncate(time.Second),
		Revision: revision(), Machine: thisMachine(), Load: loadAverage(), Repeat: s.size.repeat,
		Versions: make(map[string]map[string]string),
	}
	chosen := choose(s.peers)
	var commands [][]string
	for _, c := range chosen {
		command, err := c.prepare(".", filepath.Join(s.dir, "venv"))
		if err != nil {
			return err
		}
		commands = append(commands, command)
		h.Peers = append(h.Peers, c.name)
	}
	data, err := os.MkdirTemp(s.dir, "data-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	for i, d := range s.datasets {
		r := &runner{
			dir: data, repeat: s.size.repeat, long: s.size.long,
			results: results, progress: os.Stderr,
		}
		// New processes for each data set: what they keep of one is no burden to the next.
		err := r.launch(chosen, commands)
		if err == nil && i == 0 {
			for _, p := range r.peers {
				h.Versions[p.name] = p.versions
			}
			err = results.Encode(h)
		}
		share := s.size.shares[d.name]
		experiments := share.experiments(d.name, s.codecs, s.groups, s.operations)
		if err == nil {
			err = r.run(ctx, d, share.records, experiments)
		}
		if err := errors.Join(err, r.stop()); err != nil {
			return err
		}
	}
	return nil
}

// readResults reads what measure wrote.
func readResults(in io.Reader) (*header, []*result, error) {
	decoder := json.NewDecoder(in)
	var h header
	if err := decoder.Decode(&h); err != nil {
		return nil, nil, err
	}
	if h.Kind != "run" {
		return nil, nil, fmt.Errorf("a line of kind %q comes first", h.Kind)
	}
	var results []*result
	for {
		var r result
		err := decoder.Decode(&r)
		if err == io.EOF {
			return &h, results, nil
		}
		if err != nil {
			return nil, nil, err
		}
		results = append(results, &r)
	}
}
