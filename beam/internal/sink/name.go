package sink

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
)

// The letters of Beam's templates: S, N, W and P are those of Java, V and U
// come from Python.
var letters = regexp.MustCompile(`S+|N+|W+|P+|V+|U+`)

// pane is the window and pane that a set of shards is for.
type pane struct {
	Window    string // the letter W
	WindowUTC string // the letter V
	Pane      string // the letter P
}

// ShardName returns the name of one shard, from 0, of numShards in a write
// without windows.
func (c Config) ShardName(shard, numShards int) string {
	return c.set(pane{}).name(shard, numShards)
}

// hasLimits reports whether temporary files end when they are full.
func (c *Config) hasLimits() bool { return c.MaxRecords > 0 || c.MaxBytes > 0 }

// checkTemplate makes sure that no two shards of a set have the same name.
func (c *Config) checkTemplate(template string, inWindows bool) error {
	has := func(letter string) bool { return strings.Contains(template, letter) }
	if has("/") {
		return fmt.Errorf("the shard name template %q contains a slash", template)
	}
	if !has("S") && c.NumShards != 1 {
		return fmt.Errorf("the shard name template %q has no S, for the number of the shard", template)
	}
	windowed := has("W") || has("V")
	if inWindows && !windowed {
		return fmt.Errorf("the shard name template %q has neither W nor V, for the window", template)
	}
	if !inWindows && (windowed || has("P")) {
		return fmt.Errorf("the shard name template %q names a window or pane, but the write has none", template)
	}
	return nil
}

// describe gives a window and pane the names that Beam's file sinks give them.
func describe(w beam.Window, p typex.PaneInfo) (pane, error) {
	var d pane
	switch w := w.(type) {
	case window.GlobalWindow:
		d.Window, d.WindowUTC = "GlobalWindow", "GlobalWindow"
	case window.IntervalWindow:
		const java, python = "2006-01-02T15:04:05.000Z", "2006-01-02T15-04-05"
		start, end := time.UnixMilli(int64(w.Start)).UTC(), time.UnixMilli(int64(w.End)).UTC()
		d.Window = start.Format(java) + "-" + end.Format(java)
		d.WindowUTC = "[" + start.Format(python) + ", " + end.Format(python) + ")"
	default:
		return d, errors.New("a window of an unknown kind")
	}
	d.Pane = fmt.Sprintf("pane-%d", p.Index)
	if p.Timing == typex.PaneLate {
		d.Pane += "-late"
	}
	if p.IsLast {
		d.Pane += "-last"
	}
	return d, nil
}
