package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// writeReport makes the Markdown report of a run and, beside it, its chart.
func writeReport(from, report string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	h, results, err := readResults(f)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := os.MkdirAll(filepath.Dir(report), 0o777); err != nil {
		return err
	}
	picture := strings.TrimSuffix(report, filepath.Ext(report)) + ".svg"
	if err := os.WriteFile(picture, []byte(chart(results)), 0o666); err != nil {
		return err
	}
	notes := "profile-notes.md"
	if _, err := os.Stat(filepath.Join(filepath.Dir(report), notes)); err != nil {
		notes = ""
	}
	old, err := os.ReadFile(report)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, sync, _ := cutSection(string(old), syncTitle)
	return os.WriteFile(report, []byte(markdown(h, results, filepath.Base(picture), notes)+sync), 0o666)
}

// A table has the results by experiment, in the order of the run, and peer.
type table struct {
	experiments []experiment
	results     map[experiment]map[string][]*result
}

func tabulate(results []*result) *table {
	t := &table{results: make(map[experiment]map[string][]*result)}
	for _, r := range results {
		if t.results[r.experiment] == nil {
			t.experiments = append(t.experiments, r.experiment)
			t.results[r.experiment] = make(map[string][]*result)
		}
		t.results[r.experiment][r.Peer] = append(t.results[r.experiment][r.Peer], r)
	}
	return t
}

// times says how many times as fast as a peer this module is.
func (t *table) times(e experiment, peer string) summary {
	return summarize(ratios(t.results[e][peer], t.results[e][ours]))
}

func about(peer string) string {
	for _, c := range contestants {
		if c.name == peer {
			return c.about
		}
	}
	return ""
}

func markdown(h *header, results []*result, picture, notes string) string {
	t := tabulate(results)
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }

	p("# Performance\n")
	p("This page is made by the command below, from a run at commit %s on %s; do not edit it.\n", h.Revision, h.Time.Format("2 January 2006"))
	p("```sh\nmake bench BENCH_FLAGS=%q\n```\n", h.Flags)
	p("![How fast the others are next to this module](%s)\n", picture)
	p("Every number is the median of %d repetitions in which the peers took turns; beside it, in brackets, are the", h.Repeat)
	p("lowest and the highest. N× means that this module is N times as fast as the peer, in the same repetition:")
	p("below 1, the peer is faster.\n")

	p("| | |\n| --- | --- |")
	m := h.Machine
	p("| machine | %s, %d cores, %.1f GiB of memory, %s |", m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.Arch)
	p("| system | %s, Linux %s |", m.OS, m.Kernel)
	if h.Load > 0 {
		p("| load average before the run | %.1f |", h.Load)
	}
	for _, peer := range h.Peers {
		p("| %s | %s%s |", peer, about(peer), versions(h.Versions[peer]))
	}
	p("| riegeli | not measured: the Python package index has no package of it |")
	p("\nGo's records are byte slices, Python's are bytes objects; what Python takes to make those is part of its time,")
	p("as it is of its users'. The page cache is warm: before anything is timed every peer has done the same once,")
	p("and told the CRC of what it read (the floor: how many records and bytes).\n")

	writeGoals(p, t)
	if notes != "" {
		p("What the time goes into, why goals are missed, and what memory the index of a writer takes: [profile notes](%s).\n", notes)
	}
	writeTables(p, h, t)
	return b.String()
}

// versions lists them as "; name version, ...".
func versions(v map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if v[name] != "(devel)" {
			list = append(list, name+" "+strings.TrimPrefix(v[name], name))
		}
	}
	if len(list) == 0 {
		return ""
	}
	return "; " + strings.Join(list, ", ")
}

// A goal is a number that the results are to reach in all experiments that it is about.
type goal struct {
	name  string
	than  string  // what the measure is, for people
	least float64 // of the measure
	most  float64 // of the measure, if least is 0
	is    func(e *experiment) bool
	// measure is NaN where the results do not tell.
	measure func(t *table, e experiment) float64
}

// against is the goal to be so many times as fast as a peer.
func against(name, peer string, least float64, is func(e *experiment) bool) goal {
	return goal{
		name: name, than: "× " + peer, least: least, is: is,
		measure: func(t *table, e experiment) float64 { return t.times(e, peer).median },
	}
}

// on is about operations in files of the group sizes, or of all if there are none.
func on(operations string, groups ...int) func(e *experiment) bool {
	return func(e *experiment) bool {
		return e.Dataset != "tiny" && slices.Contains(strings.Fields(operations), e.Operation) &&
			(len(groups) == 0 || slices.Contains(groups, e.Group))
	}
}

func and(a, b func(e *experiment) bool) func(e *experiment) bool {
	return func(e *experiment) bool { return a(e) && b(e) }
}

func codecIs(codec string) func(e *experiment) bool {
	return func(e *experiment) bool { return e.Codec == codec }
}

// sized is about data sets of at least that many records.
func sized(n int) func(e *experiment) bool {
	return func(e *experiment) bool { return e.NumRecords >= n }
}

func allocsPerRecord(t *table, e experiment) float64 {
	var x []float64
	for _, r := range t.results[e][ours] {
		if r.Allocs != nil {
			x = append(x, float64(*r.Allocs)/float64(r.Records))
		}
	}
	return median(x)
}

func megabytes(t *table, e experiment) float64 {
	var x []float64
	for _, r := range t.results[e][ours] {
		if r.Memory != nil {
			x = append(x, float64(*r.Memory)/1e6)
		}
	}
	return median(x)
}

// secondThread is the gain of a second thread over the operation on one.
func secondThread(operation string) func(t *table, e experiment) float64 {
	return func(t *table, e experiment) float64 {
		one := e
		one.Operation = operation
		return median(ratios(t.results[one][ours], t.results[e][ours]))
	}
}

var goals = []goal{
	against("random batch of 1,024 and of all, group size 1", "floor", 0.9, on("batch_1024 batch_all", 1)),
	against("the same with ReadBatch", "floor", 0.9, on("refill_1024 refill_all", 1)),
	against("sequential read, by Records", "floor", 0.9, on("sequential")),
	against("sequential read, by Scan", "floor", 0.9, on("scan")),
	against("read all", "floor", 0.9, on("read_all")),
	against("single random Get, one goroutine, group size 1", "floor", 0.8, on("get", 1)),
	against("the same with AppendRecord", "floor", 0.8, on("append", 1)),
	{name: "Get from two goroutines, group size 1", than: "× Get from one", least: 1.7, is: on("get_2", 1), measure: secondThread("get")},
	{name: "the same with AppendRecord", than: "× AppendRecord from one", least: 1.7, is: on("append_2", 1), measure: secondThread("append")},
	against("write", "floor", 0.9, on("write")),
	against("random batch of 1,024, group size 256", "floor", 0.9, on("batch_1024", 256)),
	against("the same with ReadBatch", "floor", 0.9, on("refill_1024", 256)),
	against("open ten million records", "floor", 1/1.5, func(e *experiment) bool { return e.Dataset == "tiny" && e.NumRecords == 10_000_000 }),
	against("random batch, zstd:3", "upstream", 1.3, and(on("batch_1024 batch_all", 1), codecIs("zstd:3"))),
	against("random batch, uncompressed", "upstream", 2.5, and(on("batch_1024 batch_all", 1), codecIs("uncompressed"))),
	against("single record by number, 65,536 chunks or more", "upstream-default", 15, and(on("get", 1), sized(65_536))),
	against("single record by number, 1 million chunks", "upstream-default", 100, and(on("get", 1), sized(1_000_000))),
	against("data source batch", "upstream", 20, on("source_1024")),
	against("sequential read, its best options", "upstream", 1.3, on("sequential")),
	against("sequential read, its default options", "upstream-default", 3, on("sequential")),
	against("write", "upstream", 2, on("write")),
	{name: "Records and Scan: allocations per record", most: 0.05, is: on("sequential scan"), measure: allocsPerRecord},
	{name: "sequential read: memory while it runs", than: "MB", most: 100, is: on("sequential scan"), measure: megabytes},
	{name: "write: memory while it runs", than: "MB", most: 100, is: on("write convert"), measure: megabytes},
	{name: "AppendRecord: allocations per record", most: 0.05, is: on("append", 1), measure: allocsPerRecord},
	{name: "batch of all: allocations per record", most: 0.05, is: on("batch_all refill_all"), measure: allocsPerRecord},
}

// A verdict is how the results stand to a goal.
type verdict struct {
	goal
	met, of     int
	worst, best float64
	worstAt     experiment
}

// judge gives false if the results do not tell.
func (g goal) judge(t *table) (verdict, bool) {
	v := verdict{goal: g, worst: math.NaN(), best: math.NaN()}
	for _, e := range t.experiments {
		if !g.is(&e) {
			continue
		}
		x := g.measure(t, e)
		if math.IsNaN(x) {
			continue
		}
		v.of++
		good, worse, better := x >= g.least, x < v.worst, x > v.best
		if g.least == 0 {
			good, worse, better = x <= g.most, x > v.worst, x < v.best
		}
		if good {
			v.met++
		}
		if v.of == 1 || worse {
			v.worst, v.worstAt = x, e
		}
		if v.of == 1 || better {
			v.best = x
		}
	}
	return v, v.of > 0
}

func writeGoals(p func(string, ...any), t *table) {
	var verdicts []verdict
	for _, g := range goals {
		if v, ok := g.judge(t); ok {
			verdicts = append(verdicts, v)
		}
	}
	if len(verdicts) == 0 {
		return
	}
	p("## Goals\n")
	p("A case is a data set, a codec and a group size.\n")
	p("| operation | goal | cases that meet it | best case | worst case | |\n| --- | --- | --- | --- | --- | --- |")
	for _, v := range verdicts {
		sign, bound := "≥", v.least
		if v.least == 0 {
			sign, bound = "≤", v.most
		}
		mark := "met"
		if v.met < v.of {
			mark = "**missed**"
		}
		p("| %s | %s %s %s | %d of %d | %s | %s (%s, %s, group size %d, %s) | %s |",
			v.name, sign, strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", bound), "0"), "."), v.than, v.met, v.of,
			threeDigits(v.best), threeDigits(v.worst), v.worstAt.Dataset, v.worstAt.Codec, v.worstAt.Group, v.worstAt.Operation, mark)
	}
	p("")
}

func writeTables(p func(string, ...any), h *header, t *table) {
	p("## Operations\n")
	p("| | |\n| --- | --- |")
	for _, o := range operations {
		p("| %s | %s |", o.name, o.about)
	}
	p("")
	for _, d := range datasets {
		var here []experiment
		for _, e := range t.experiments {
			if e.Dataset == d.name {
				here = append(here, e)
			}
		}
		if len(here) == 0 {
			continue
		}
		p("## %s: %s\n", d.name, d.about)
		p("%s records.\n", grouped(here[0].NumRecords))
		for _, group := range allGroups {
			writeTable(p, h, t, slices.DeleteFunc(slices.Clone(here), func(e experiment) bool { return e.Group != group }))
		}
	}
}

// writeTable shows experiments of one group size.
func writeTable(p func(string, ...any), h *header, t *table, experiments []experiment) {
	if len(experiments) == 0 {
		return
	}
	var peers []string
	for _, peer := range h.Peers {
		if peer != ours && slices.ContainsFunc(experiments, func(e experiment) bool { return t.results[e][peer] != nil }) {
			peers = append(peers, peer)
		}
	}
	p("### %s, group size %d\n", experiments[0].Dataset, experiments[0].Group)
	p("| codec | operation | this module, records/s | MB/s | %s |", strings.Join(peers, " | "))
	p("| --- | --- | --- | --- |%s", strings.Repeat(" --- |", len(peers)))
	for _, e := range experiments {
		mine := t.results[e][ours]
		var speeds, rates []float64
		for _, r := range mine {
			speeds = append(speeds, 1/r.perRecord())
			rates = append(rates, float64(r.Bytes)/r.Seconds/1e6)
		}
		s := summarize(speeds)
		rate := fmt.Sprintf("%.0f", median(rates))
		if e.Operation == "open" {
			rate = "" // its bytes are something else
		}
		row := fmt.Sprintf("| %s | %s | %s (%s–%s) | %s |", e.Codec, e.Operation, withUnit(s.median), withUnit(s.low), withUnit(s.high), rate)
		for _, peer := range peers {
			x := t.times(e, peer)
			if math.IsNaN(x.median) {
				row += " |"
				continue
			}
			row += fmt.Sprintf(" %s (%s–%s) |", formatRatio(x.median), threeDigits(x.low), threeDigits(x.high))
		}
		p("%s", row)
	}
	p("")
}

// grouped shows a number as "65,536".
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
