package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// Bounds of what is remembered, whatever the data is.
const (
	maxFeatures   = 1000
	maxTop        = 1000 // values that are counted
	maxTopBytes   = 64   // of one of them
	maxShownValue = 32   // characters
	shownTop      = 5
)

// featureStats sums up the features of tf.train.Examples.
type featureStats struct {
	records     int // looked at
	notExamples int
	unnamed     int // features beyond maxFeatures
	features    map[string]*featureStat
}

type featureStat struct {
	present     int // records that have it
	kinds       map[string]int
	least, most int // values in a record
	values      int64
	number      bool
	low, high   float64 // numbers
	sum         float64
	short, long int // bytes of a value
	images      map[string]int
	top         topValues
}

func newFeatureStats() *featureStats { return &featureStats{features: map[string]*featureStat{}} }

// add looks at a record, and reports whether it is a tf.train.Example with features.
func (s *featureStats) add(record []byte) bool {
	s.records++
	example, err := tfexample.Decode(record)
	if err != nil || len(example.GetFeatures().GetFeature()) == 0 {
		s.notExamples++
		return false
	}
	for name, feature := range example.GetFeatures().GetFeature() {
		f := s.features[name]
		if f == nil {
			if len(s.features) == maxFeatures {
				s.unnamed++
				continue
			}
			f = &featureStat{kinds: map[string]int{}, images: map[string]int{}, least: math.MaxInt,
				low: math.Inf(1), high: math.Inf(-1), short: math.MaxInt}
			s.features[name] = f
		}
		f.add(feature)
	}
	return true
}

func (f *featureStat) add(feature *tfexample.Feature) {
	f.present++
	n, kind := 0, "empty"
	switch list := feature.GetKind().(type) {
	case *tfexample.Feature_BytesList:
		n, kind = len(list.BytesList.GetValue()), "bytes"
		for _, v := range list.BytesList.GetValue() {
			f.short, f.long = min(f.short, len(v)), max(f.long, len(v))
			if kind := mediaType(v); kind != "" {
				f.images[kind]++
			}
			if len(v) <= maxTopBytes {
				f.top.add(strconv.Quote(string(v)))
			}
		}
	case *tfexample.Feature_FloatList:
		n, kind = len(list.FloatList.GetValue()), "float"
		for _, v := range list.FloatList.GetValue() {
			f.addNumber(float64(v))
		}
	case *tfexample.Feature_Int64List:
		n, kind = len(list.Int64List.GetValue()), "int64"
		for _, v := range list.Int64List.GetValue() {
			f.addNumber(float64(v))
			f.top.add(strconv.FormatInt(v, 10))
		}
	}
	f.kinds[kind]++
	f.values += int64(n)
	f.least, f.most = min(f.least, n), max(f.most, n)
}

func (f *featureStat) addNumber(v float64) {
	f.number = true
	f.low, f.high = min(f.low, v), max(f.high, v)
	f.sum += v
}

// kind names the type of the values: one, or several with a slash.
func (f *featureStat) kind() string { return strings.Join(slices.Sorted(maps.Keys(f.kinds)), "/") }

// shape is how many values a record has.
func (f *featureStat) shape() string {
	if f.least == f.most {
		return fmt.Sprintf("[%d]", f.most)
	}
	return fmt.Sprintf("[%d..%d]", f.least, f.most)
}

// span is what the values are between.
func (f *featureStat) span() string {
	switch {
	case f.number:
		return number(f.low) + ".." + number(f.high)
	case f.long > 0 && f.short == f.long:
		return formatBytes(int64(f.long))
	case f.long > 0:
		return formatBytes(int64(f.short)) + ".." + formatBytes(int64(f.long))
	}
	return "-"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// content says what byte strings hold, "" if they are nothing special.
func (f *featureStat) content() string {
	return strings.Join(slices.Sorted(maps.Keys(f.images)), "/")
}

// mediaType names the kind of picture or sound that bytes are, "" for anything else.
func mediaType(v []byte) string {
	has := func(at int, s string) bool { return len(v) >= at+len(s) && string(v[at:at+len(s)]) == s }
	switch {
	case has(0, "\xff\xd8\xff"):
		return "image/jpeg"
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "image/png"
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return "image/gif"
	case has(0, "RIFF") && has(8, "WEBP"):
		return "image/webp"
	case has(0, "RIFF") && has(8, "WAVE"):
		return "audio/wav"
	case has(0, "fLaC"):
		return "audio/flac"
	case has(0, "OggS"):
		return "audio/ogg"
	case has(0, "ID3"):
		return "audio/mpeg"
	}
	return ""
}

// topValues counts values in bounded memory: those that make up more than one of maxTop of all are
// kept for certain, with counts that are too low by at most the times that all were lowered.
type topValues struct {
	counts map[string]int
}

func (t *topValues) add(value string) {
	if t.counts == nil {
		t.counts = map[string]int{}
	}
	if _, known := t.counts[value]; known || len(t.counts) < maxTop {
		t.counts[value]++
		return
	}
	for v := range t.counts {
		if t.counts[v]--; t.counts[v] == 0 {
			delete(t.counts, v)
		}
	}
}

// valueCount is a value and how often it comes.
type valueCount struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// most gives the most frequent values among those that came more than once.
func (t *topValues) most(n int) []valueCount {
	var all []valueCount
	for value, count := range t.counts {
		if count > 1 {
			all = append(all, valueCount{value, count})
		}
	}
	slices.SortFunc(all, func(a, b valueCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	return all[:min(n, len(all))]
}

// names gives the features in the order in which they are shown.
func (s *featureStats) names() []string { return slices.Sorted(maps.Keys(s.features)) }

// recordKind says what records are that are not tf.train.Examples.
func recordKind(record []byte) string {
	if kind := mediaType(record); kind != "" {
		return kind
	}
	switch {
	case len(record) == 0:
		return "empty"
	case bytes.ContainsAny(record[:1], "{[") && json.Valid(record):
		return "JSON"
	case isPlain(record):
		return "text"
	}
	return "bytes"
}
