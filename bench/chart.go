package main

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// The chart has a panel for each of two codecs, a row for each operation, and a
// dot for each peer: its speed next to this module's, on a logarithmic axis. A
// thin line goes from the lowest to the highest repetition.

const (
	chartWidth   = 980.0
	rowHeight    = 30.0
	panelTop     = 108.0
	labelWidth   = 162.0
	panelGap     = 28.0
	chartMargin  = 24.0
	chartFont    = "font-family=\"Helvetica, Arial, sans-serif\""
	oursColor    = "#0b6b63"
	textColor    = "#24292f"
	quietColor   = "#6e7781"
	gridColor    = "#e3e6ea"
	shadeColor   = "#f0f6f5"
	dotRadius    = 5.5
	chartGroup   = 1
	axisHeight   = 40.0
	legendHeight = 30.0
)

var chartColors = map[string]string{
	"ours-mmap": "#1f883d", "floor": "#24292f", "floor-mmap": "#8c959f", "upstream": "#c2410c", "upstream-default": "#f2a36b",
	"bagz": "#5b4fc7", "tfdata": "#b08900", "grain": "#c02f7d",
}

// What the operations are called in the chart.
var chartNames = map[string]string{
	"write": "write", "sequential": "read in order", "read_all": "read all", "batch_all": "random batch of all",
	"batch_1024": "random batch of 1,024", "batch_32": "random batch of 32", "get": "single random record",
	"open": "open", "source_1024": "batch from 16 files", "loader": "shuffled loader", "convert": "from TFRecord",
}

// chart draws the results of the first data set with group size 1.
func chart(results []*result) string {
	t := tabulate(results)
	var shown []experiment
	for _, e := range t.experiments {
		if chartNames[e.Operation] != "" && e.Group == chartGroup && e.Dataset == t.experiments[0].Dataset &&
			(e.Codec == "zstd:3" || e.Codec == "uncompressed") {
			shown = append(shown, e)
		}
	}
	var codecs, rows, peers []string
	low, high := 0.5, 2.0
	for _, e := range shown {
		for _, c := range contestants {
			x := t.times(e, c.name).median
			if c.name == ours || math.IsNaN(x) {
				continue
			}
			low, high = min(low, 1/x), max(high, 1/x)
			codecs, rows, peers = with(codecs, e.Codec), with(rows, e.Operation), with(peers, c.name)
		}
	}
	slices.SortFunc(peers, func(a, b string) int {
		return cmp.Compare(slices.Index(contestantNames(), a), slices.Index(contestantNames(), b))
	})
	// The axis ends at one or three times a power of ten, or at the inverse of that.
	low, high = niceBelow(low/1.1), 1/niceBelow(1/(high*1.1))

	height := panelTop + rowHeight*float64(len(rows)) + axisHeight + legendHeight + chartMargin
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	text := func(x, y float64, anchor, color string, size float64, weight, s string) {
		p(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-size="%g" font-weight="%s">%s</text>`,
			x, y, anchor, color, size, weight, html.EscapeString(s))
	}
	line := func(x1, y1, x2, y2 float64, color string, width float64) {
		p(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%g"/>`, x1, y1, x2, y2, color, width)
	}
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" width="%g" height="%g" %s>`, chartWidth, height, chartWidth, height, chartFont)
	p(`<title>How fast the others are next to this module</title>`)
	p(`<rect width="100%%" height="100%%" fill="#ffffff"/>`)
	text(chartMargin, 36, "start", textColor, 20, "bold", "How fast the others are next to this module")
	if len(shown) > 0 {
		e := shown[0]
		for _, d := range datasets {
			if d.name == e.Dataset {
				text(chartMargin, 60, "start", quietColor, 13, "normal",
					fmt.Sprintf("%s records, each %s; group size %d; medians, lines from lowest to highest", grouped(e.NumRecords), d.about, e.Group))
			}
		}
	}
	bottom := panelTop + rowHeight*float64(len(rows))
	for i, operation := range rows {
		text(chartMargin, panelTop+rowHeight*(float64(i)+0.5)+4.5, "start", textColor, 13, "normal", chartNames[operation])
	}
	width := (chartWidth - 2*chartMargin - labelWidth - panelGap*float64(len(codecs)-1)) / float64(max(len(codecs), 1))
	for k, codec := range codecs {
		left := chartMargin + labelWidth + float64(k)*(width+panelGap)
		at := func(x float64) float64 {
			x = min(max(x, low), high)
			return left + width*math.Log(x/low)/math.Log(high/low)
		}
		// To the left of this module's line, this module is faster.
		p(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, left, panelTop, at(1)-left, bottom-panelTop, shadeColor)
		text(left, panelTop-14, "start", textColor, 14, "bold", codec)
		for _, x := range ticks(low, high) {
			if x != 1 {
				line(at(x), panelTop, at(x), bottom, gridColor, 1)
			}
			text(at(x), bottom+18, "middle", quietColor, 11.5, "normal", tickLabel(x))
		}
		for i := range rows {
			y := panelTop + rowHeight*(float64(i)+0.5)
			line(left, y, left+width, y, gridColor, 1)
		}
		line(at(1), panelTop-6, at(1), bottom, oursColor, 3)
		text(at(1), panelTop-12, "middle", oursColor, 12, "bold", "this module")
		for i, operation := range rows {
			for _, e := range shown {
				if e.Codec != codec || e.Operation != operation {
					continue
				}
				y := panelTop + rowHeight*(float64(i)+0.5)
				for _, peer := range peers {
					x := t.times(e, peer)
					if math.IsNaN(x.median) {
						continue
					}
					p(`<g><title>%s</title>`, html.EscapeString(fmt.Sprintf("%s, %s, %s: %s the speed of this module", codec, chartNames[operation], peer, formatRatio(1/x.median))))
					line(at(1/x.high), y, at(1/x.low), y, chartColors[peer], 1.5)
					mark(p, peer, at(1/x.median), y)
					p(`</g>`)
				}
			}
		}
	}
	text(chartMargin+labelWidth, bottom+36, "start", quietColor, 12, "normal", "← slower than this module")
	text(chartWidth-chartMargin, bottom+36, "end", quietColor, 12, "normal", "faster →")
	x := chartMargin
	for _, peer := range peers {
		y := bottom + axisHeight + legendHeight
		mark(p, peer, x+6, y-4)
		text(x+17, y, "start", textColor, 13, "normal", peer)
		x += 34 + 7.2*float64(len(peer))
	}
	p(`</svg>`)
	return b.String()
}

// with is the list with x in it once.
func with(list []string, x string) []string {
	if slices.Contains(list, x) {
		return list
	}
	return append(list, x)
}

// mark draws a peer's dot; the floor's is a diamond.
func mark(p func(string, ...any), peer string, x, y float64) {
	if strings.HasPrefix(peer, "floor") {
		r := dotRadius * 1.2
		p(`<path d="M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz" fill="%s" stroke="#ffffff" stroke-width="1"/>`, x, y-r, r, r, -r, r, -r, -r, chartColors[peer])
		return
	}
	p(`<circle cx="%.1f" cy="%.1f" r="%g" fill="%s" stroke="#ffffff" stroke-width="1"/>`, x, y, dotRadius, chartColors[peer])
}

// niceBelow is the largest of 1 and 3 times a power of ten that is not above x.
func niceBelow(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	if x >= 3*power {
		return 3 * power
	}
	return power
}

// ticks are the powers of ten within.
func ticks(low, high float64) []float64 {
	var out []float64
	for k := math.Floor(math.Log10(low)); k <= math.Ceil(math.Log10(high)); k++ {
		if x := math.Pow(10, k); x >= low*0.999 && x <= high*1.001 {
			out = append(out, x)
		}
	}
	return out
}

// tickLabel is "1/100" or "10×".
func tickLabel(x float64) string {
	if x < 0.999 {
		return fmt.Sprintf("1/%.0f", 1/x)
	}
	return fmt.Sprintf("%.0f×", x)
}
