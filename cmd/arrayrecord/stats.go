package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// sizeHistogram counts sizes by their leading bits: 16 counters for each power of two.
type sizeHistogram struct {
	counts      [64 * 16]int
	n           int
	bytes       int64
	least, most int
}

func sizeBucket(size int) int {
	if size < 16 {
		return size
	}
	shift := bits.Len(uint(size)) - 5
	return (shift+1)*16 + size>>shift - 16
}

// bucketStart is the smallest size in a bucket.
func bucketStart(bucket int) int {
	if bucket < 16 {
		return bucket
	}
	return (bucket%16 + 16) << (bucket/16 - 1)
}

func (h *sizeHistogram) add(size int) {
	if h.n == 0 || size < h.least {
		h.least = size
	}
	h.most = max(h.most, size)
	h.n++
	h.bytes += int64(size)
	h.counts[sizeBucket(size)]++
}

// quantile gives the size that a part of the records do not exceed, to 1/16 exactly.
func (h *sizeHistogram) quantile(part float64) int {
	rank, seen := int(part*float64(h.n-1)), 0
	for bucket, count := range h.counts {
		if seen += count; seen > rank {
			return min(max(bucketStart(bucket+1)-1, h.least), h.most)
		}
	}
	return h.most
}

// A bar is some sizes of the histogram as it is drawn.
type bar struct {
	From  int `json:"from"` // bytes
	To    int `json:"to"`   // the largest size
	Count int `json:"count"`
}

// bars gives at most about twenty neighbours: powers of two, or parts of them where the sizes are
// close to each other.
func (h *sizeHistogram) bars() []bar {
	if h.n == 0 {
		return nil
	}
	first, last := sizeBucket(h.least), sizeBucket(h.most)
	step := 1
	for step < 16 && (last-first)/step >= 20 {
		step *= 2
	}
	var result []bar
	for at := first / step * step; at <= last; at += step {
		b := bar{From: max(bucketStart(at), h.least), To: min(bucketStart(at+step)-1, h.most)}
		for _, count := range h.counts[at:min(at+step, len(h.counts))] {
			b.Count += count
		}
		result = append(result, b)
	}
	return result
}

// draw prints the histogram.
func (h *sizeHistogram) draw(a *app) {
	bars := h.bars()
	most, left, right := 0, 0, 0
	for _, b := range bars {
		most = max(most, b.Count)
		left = max(left, len(b.label()))
		right = max(right, len(formatCount(b.Count)))
	}
	width := max(min(a.screen.width, 100)-left-right-4, 5)
	for _, b := range bars {
		drawn := drawBar(float64(b.Count)/float64(most), width)
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(drawn))
		fmt.Fprintf(a.out, "  %*s %s%s %*s\n", left, b.label(), a.screen.paint(cyan, drawn), pad, right, formatCount(b.Count))
	}
}

func (b bar) label() string {
	if b.From == b.To {
		return formatBytes(int64(b.From))
	}
	return "from " + formatBytes(int64(b.From))
}

// drawBar gives a bar of eighths of characters.
func drawBar(part float64, width int) string {
	eighths := int(part*float64(width)*8 + 0.5)
	if eighths == 0 && part > 0 {
		eighths = 1
	}
	s := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		s += string(rune('█' + 8 - rest))
	}
	return s
}

// fileStats is what stats says of a file.
type fileStats struct {
	File         string  `json:"file"`
	Records      int     `json:"records"`
	Bytes        int64   `json:"bytes"`
	DecodedBytes int64   `json:"decoded_bytes"`
	Ratio        float64 `json:"ratio"`
	whole        bool    // not a part of the records only
}

func newStats(a *app) *cobra.Command {
	var ask scanFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "stats FILE...",
		Short: "Show the sizes of records, and what tf.Examples hold",
		Long: `Show the sizes of records, and what tf.Examples hold, from reading all records.

Sizes are shown as a histogram, with quantiles that are right to a sixteenth. Ratio
is the size of a file's records divided by that of the file. For tf.train.Examples
each feature is described: type, number of values in a record, smallest and largest
number or size, records without it, most frequent values. With more than 1,000
different values the counts are lower bounds.`,
		Example: `  arrayrecord stats train.arrayrecord
  arrayrecord stats --json 'train-*.arrayrecord' | jq .features.label`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := ask.open(cmd.Context(), a, args...)
			if err != nil {
				return err
			}
			defer d.Close()
			h, features := new(sizeHistogram), newFeatureStats()
			files, kinds := []fileStats{}, map[string]int{}
			next, stop := iter.Pull2(d.Scan(cmd.Context(), 0, d.NumRecords()))
			defer stop()
			for _, f := range d.Files() {
				before := h.bytes
				for range f.Take {
					record, err, _ := next()
					if err != nil {
						return err
					}
					h.add(len(record))
					if !features.add(record) {
						kinds[recordKind(record)]++
					}
				}
				one, err := a.fileStats(cmd.Context(), f, h.bytes-before)
				if err != nil {
					return err
				}
				files = append(files, one)
			}
			if asJSON {
				return a.printJSON(statsJSON(h, files, features, kinds))
			}
			return a.printStats(h, files, features, kinds)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	ask.addFlags(cmd)
	return cmd
}

func (a *app) fileStats(ctx context.Context, f arrayrecord.FileInstruction, decoded int64) (fileStats, error) {
	r, err := arrayrecord.Open(ctx, f.Name)
	if err != nil {
		return fileStats{}, err
	}
	defer r.Close()
	s := fileStats{File: a.shown(f.Name), Records: f.Take, Bytes: r.Size(), DecodedBytes: decoded, whole: f.Take == r.NumRecords()}
	if s.whole {
		s.Ratio = float64(decoded) / float64(s.Bytes)
	}
	return s, nil
}

func (a *app) printStats(h *sizeHistogram, files []fileStats, features *featureStats, kinds map[string]int) error {
	if h.n == 0 {
		_, err := fmt.Fprintln(a.out, "no records")
		return err
	}
	fmt.Fprintf(a.out, "%s, %s decoded\n", plural(h.n, "record"), formatBytes(h.bytes))
	fmt.Fprintf(a.out, "sizes: least %s, median %s, mean %s, 99 %% at most %s, most %s\n\n",
		formatBytes(int64(h.least)), formatBytes(int64(h.quantile(0.5))), formatBytes(h.bytes/int64(h.n)),
		formatBytes(int64(h.quantile(0.99))), formatBytes(int64(h.most)))
	h.draw(a)
	fmt.Fprintln(a.out)
	t := newTable(a, "records", "size", "decoded", "ratio", "file", "")
	for _, f := range files {
		ratio := "-"
		if f.whole {
			ratio = fmt.Sprintf("%.2f", f.Ratio)
		}
		if err := t.row(formatCount(f.Records), formatBytes(f.Bytes), formatBytes(f.DecodedBytes), ratio, f.File, ""); err != nil {
			return err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	if len(features.features) > 0 {
		fmt.Fprintln(a.out)
		t := newTable(a, "missing", "values", "range", "type", "feature", "")
		for _, name := range features.names() {
			f := features.features[name]
			var top []string
			for _, v := range f.top.most(shownTop) {
				top = append(top, fmt.Sprintf("%s×%s", short(v.Value), formatCount(v.Count)))
			}
			missing := features.records - features.notExamples - f.present
			if err := t.row(formatCount(missing), f.shape(), f.span(), cmp.Or(f.content(), f.kind()), escape([]byte(name)), strings.Join(top, " ")); err != nil {
				return err
			}
		}
		if err := t.flush(); err != nil {
			return err
		}
	}
	if features.notExamples > 0 {
		fmt.Fprintf(a.out, "\n%s no tf.train.Examples: %s\n", plural(features.notExamples, "record")+isAre(features.notExamples), describeKinds(kinds))
	}
	if features.unnamed > 0 {
		fmt.Fprintf(a.out, "\nmore than %s features: the others are left out\n", formatCount(maxFeatures))
	}
	return a.out.Flush()
}

func isAre(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

func short(s string) string {
	if utf8.RuneCountInString(s) <= maxShownValue {
		return s
	}
	return string([]rune(s)[:maxShownValue-1]) + "…"
}

// describeKinds lists kinds of records.
func describeKinds(kinds map[string]int) string {
	var parts []string
	for kind, count := range kinds {
		parts = append(parts, fmt.Sprintf("%s %s", formatCount(count), kind))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

type featureJSON struct {
	Types     map[string]int `json:"types"` // records with each
	Present   int            `json:"present"`
	Missing   int            `json:"missing"`
	MinValues int            `json:"min_values"`
	MaxValues int            `json:"max_values"`
	Min       *float64       `json:"min,omitempty"`
	Max       *float64       `json:"max,omitempty"`
	Mean      *float64       `json:"mean,omitempty"`
	MinBytes  *int           `json:"min_bytes,omitempty"`
	MaxBytes  *int           `json:"max_bytes,omitempty"`
	Media     map[string]int `json:"media,omitempty"`
	Top       []valueCount   `json:"top,omitempty"`
}

func (s *featureStats) json() map[string]featureJSON {
	result := map[string]featureJSON{}
	for name, f := range s.features {
		j := featureJSON{Types: f.kinds, Present: f.present, Missing: s.records - s.notExamples - f.present,
			MinValues: f.least, MaxValues: f.most, Media: f.images, Top: f.top.most(shownTop)}
		if f.number {
			mean := f.sum / float64(f.values)
			if finite(f.low, f.high, mean) {
				j.Min, j.Max, j.Mean = &f.low, &f.high, &mean
			}
		} else if f.short <= f.long {
			j.MinBytes, j.MaxBytes = &f.short, &f.long
		}
		result[name] = j
	}
	return result
}

// finite reports whether numbers can be in JSON.
func finite(numbers ...float64) bool {
	for _, x := range numbers {
		if x-x != 0 {
			return false
		}
	}
	return true
}

func statsJSON(h *sizeHistogram, files []fileStats, features *featureStats, kinds map[string]int) any {
	type sizes struct {
		Min       int     `json:"min"`
		Median    int     `json:"median"`
		P99       int     `json:"p99"`
		Max       int     `json:"max"`
		Mean      float64 `json:"mean"`
		Histogram []bar   `json:"histogram"`
	}
	s := sizes{Min: h.least, Max: h.most, Histogram: h.bars()}
	if h.n > 0 {
		s.Median, s.P99, s.Mean = h.quantile(0.5), h.quantile(0.99), float64(h.bytes)/float64(h.n)
	}
	return struct {
		Records      int                    `json:"records"`
		DecodedBytes int64                  `json:"decoded_bytes"`
		Sizes        sizes                  `json:"sizes"`
		Files        []fileStats            `json:"files"`
		Features     map[string]featureJSON `json:"features"`
		Others       map[string]int         `json:"others"` // records that are no tf.train.Examples
	}{h.n, h.bytes, s, files, features.json(), kinds}
}
