package sink

import (
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterType(reflect.TypeFor[Shard]())
	beam.RegisterFunction(shardName)
	register.Emitter1[Shard]()
}

// A Shard is one file of an output that is complete.
type Shard struct {
	// Name is the name of the file.
	Name string `json:"name"`
	// Destination is the one that its records were written to, "" if there are no
	// destinations.
	Destination string `json:"destination,omitempty"`
	// Window and Pane are those of its records, as the letters W and P of a
	// template give them; "" without windowed writes.
	Window string `json:"window,omitempty"`
	Pane   string `json:"pane,omitempty"`
	// Index is the number of the shard, from 0, of Count shards with the same
	// destination, window and pane.
	Index int `json:"index"`
	Count int `json:"count"`
	// Records is how many records it has, and Bytes how large the file is.
	Records int64 `json:"records"`
	Bytes   int64 `json:"bytes"`
}

// Names gives the names of shards, a PCollection of string.
func Names(s beam.Scope, shards beam.PCollection) beam.PCollection {
	return beam.ParDo(s, shardName, shards)
}

func shardName(s Shard) string { return s.Name }

// shards describes what a record has decided.
func (r record) shards() []Shard {
	var shards []Shard
	for i, m := range r.Moves {
		shards = append(shards, Shard{
			Name: m.To, Destination: r.Set.Destination, Window: r.Set.Pane.Window, Pane: r.Set.Pane.Pane,
			Index: i, Count: len(r.Moves), Records: m.From.Records, Bytes: m.From.Bytes,
		})
	}
	return shards
}
