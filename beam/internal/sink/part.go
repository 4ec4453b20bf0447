package sink

import (
	"encoding/json"
	"fmt"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/mtime"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/graph/window"
)

// part says where a record belongs. Panes are made later, of files.
type part struct {
	Destination string `json:",omitempty"`
	Window      windowOf
	Shard       int `json:",omitempty"` // with a sharding function
}

// windowOf is a window of either kind that Beam's Go SDK has.
type windowOf struct {
	Start, End int64 // of an interval; both 0 stand for the global window
}

// newWindow describes a window.
func newWindow(w beam.Window) (windowOf, error) {
	switch w := w.(type) {
	case window.GlobalWindow:
		return windowOf{}, nil
	case window.IntervalWindow:
		return windowOf{int64(w.Start), int64(w.End)}, nil
	}
	return windowOf{}, fmt.Errorf("a window of an unknown kind, %T", w)
}

func (w windowOf) window() beam.Window {
	if w == (windowOf{}) {
		return window.GlobalWindow{}
	}
	return window.IntervalWindow{Start: mtime.Time(w.Start), End: mtime.Time(w.End)}
}

func (w windowOf) String() string { return w.window().(fmt.Stringer).String() }

func (w windowOf) maxTimestamp() beam.EventTime { return w.window().MaxTimestamp() }

// key is the part as a string, which is quicker to compare and to send than a
// row.
func (p part) key() string {
	data, err := json.Marshal(p)
	if err != nil { // numbers and strings can be marshalled
		panic(err)
	}
	return string(data)
}

func parsePart(key string) (p part, err error) {
	err = json.Unmarshal([]byte(key), &p)
	return p, err
}

// group is the key that all of a set have in common, apart from its pane.
func (p part) group() string { return part{Destination: p.Destination, Window: p.Window}.key() }
