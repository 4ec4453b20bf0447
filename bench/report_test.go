package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The report of a recorded run, byte for byte. After a change that is wanted:
// go test ./bench -run Report -update
func TestReport(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, writeReport(filepath.Join("testdata", "run.jsonl"), filepath.Join(dir, "report.md")))
	for _, name := range []string{"report.md", "report.svg"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		golden := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.WriteFile(golden, got, 0o666))
		}
		want, err := os.ReadFile(golden)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), name)
	}
	picture, err := os.ReadFile(filepath.Join(dir, "report.svg"))
	require.NoError(t, err)
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for err == nil {
		_, err = decoder.Token()
	}
	assert.True(t, errors.Is(err, io.EOF), "the picture is no XML: %v", err)

	// Notes that lie beside the report are linked.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "profile-notes.md"), nil, 0o666))
	require.NoError(t, writeReport(filepath.Join("testdata", "run.jsonl"), filepath.Join(dir, "report.md")))
	report, err := os.ReadFile(filepath.Join(dir, "report.md"))
	require.NoError(t, err)
	assert.Contains(t, string(report), "](profile-notes.md)")
}

// A run that has nothing to compare with still gives a report.
func TestReportOfThisModuleAlone(t *testing.T) {
	e := experiment{Dataset: "small", NumRecords: 10, Group: 256, Codec: "snappy", Operation: "write"}
	results := []*result{{experiment: e, Peer: ours, Seconds: 1, Records: 10, Bytes: 1000}}
	report := markdown(&header{Repeat: 1, Peers: []string{ours}}, results, "picture.svg", "")
	assert.NotContains(t, report, "NaN")
	assert.NotContains(t, report, "## Goals")
	assert.Contains(t, report, "| snappy | write | 10.0 (10.0–10.0) |")
	assert.NotContains(t, chart(results), "NaN")
}

func TestReportOfSomethingElse(t *testing.T) {
	name := filepath.Join(t.TempDir(), "run.jsonl")
	for content, want := range map[string]string{
		"":                     "EOF",
		`{"kind":"result"}`:    `a line of kind "result" comes first`,
		`{"kind":"run"}` + "x": "invalid character",
	} {
		require.NoError(t, os.WriteFile(name, []byte(content), 0o666))
		assert.ErrorContains(t, writeReport(name, filepath.Join(t.TempDir(), "report.md")), want)
	}
}

func TestGoals(t *testing.T) {
	get := experiment{Dataset: "lorem", NumRecords: 65_536, Group: 1, Codec: "zstd:3", Operation: "get"}
	other := get
	other.Codec = "snappy"
	none := get
	none.Codec = "brotli:3"
	at := func(e experiment, peer string, seconds float64) *result {
		return &result{experiment: e, Peer: peer, Seconds: seconds, Records: 1}
	}
	results := tabulate([]*result{
		at(get, ours, 1), at(get, "floor", 0.7), at(other, ours, 1), at(other, "floor", 0.9), at(none, ours, 1),
	})
	v, ok := against("get", "floor", 0.8, on("get", 1)).judge(results)
	assert.True(t, ok)
	assert.Equal(t, []int{1, 2}, []int{v.met, v.of}, "experiments without the peer do not count")
	assert.Equal(t, []float64{0.7, 0.9}, []float64{v.worst, v.best})
	assert.Equal(t, get, v.worstAt)

	_, ok = against("get", "bagz", 0.8, on("get", 1)).judge(results)
	assert.False(t, ok, "a goal that nothing was measured for")
	_, ok = against("get", "floor", 0.8, on("get", 256)).judge(results)
	assert.False(t, ok)
	_, ok = against("get", "floor", 0.8, and(on("get"), sized(1_000_000))).judge(results)
	assert.False(t, ok)

	// A measure that is to be small.
	least := goal{most: 2, is: on("get"), measure: func(_ *table, e experiment) float64 {
		return map[string]float64{"zstd:3": 1, "snappy": 3, "brotli:3": math.NaN()}[e.Codec]
	}}
	v, ok = least.judge(results)
	assert.True(t, ok)
	assert.Equal(t, []int{1, 2}, []int{v.met, v.of})
	assert.Equal(t, []float64{3, 1}, []float64{v.worst, v.best})
	assert.Equal(t, other, v.worstAt)
}

// The second thread's gain is that of two operations of this module.
func TestSecondThread(t *testing.T) {
	two := experiment{Dataset: "lorem", Group: 1, Codec: "zstd:3", Operation: "get_2"}
	one := two
	one.Operation = "get"
	results := tabulate([]*result{
		{experiment: one, Peer: ours, Seconds: 3, Records: 10}, {experiment: two, Peer: ours, Seconds: 2, Records: 10},
	})
	assert.InDelta(t, 1.5, secondThread("get")(results, two), 1e-9)
}

// Every goal is about operations that there are.
func TestGoalsAreAboutSomething(t *testing.T) {
	for _, g := range goals {
		found := 0
		for _, d := range datasets {
			full, err := findSize("full")
			require.NoError(t, err)
			for _, e := range full.shares[d.name].experiments(d.name, allCodecs, allGroups, operationNames()) {
				if g.is(e) {
					found++
				}
			}
		}
		assert.Positive(t, found, "%s %s", g.name, g.than)
		if peer, ok := strings.CutPrefix(g.than, "× "); ok && !strings.HasSuffix(peer, " from one") {
			assert.NotEmpty(t, about(peer), g.name)
		}
	}
}

func TestAxis(t *testing.T) {
	assert.Equal(t, []float64{0.1, 1, 10}, ticks(0.03, 30))
	assert.Equal(t, 0.03, niceBelow(0.05))
	assert.Equal(t, 1.0, niceBelow(2.9))
	assert.Equal(t, "1/100", tickLabel(0.01))
	assert.Equal(t, "10×", tickLabel(10))
}
