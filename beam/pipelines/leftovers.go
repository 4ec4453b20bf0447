package pipelines

import (
	"context"
	"fmt"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/sink"
)

// A Leftover is what a job has left behind that was killed: temporary files, and
// records of what it had decided.
type Leftover = sink.Leftover

// Leftovers finds what jobs have left in a directory of outputs, and what those
// have there that still run. Temporary files that a job put into another
// directory are looked for there; it is not known there whether a write needs
// them that can be finished.
func Leftovers(ctx context.Context, dir string) ([]Leftover, error) {
	dir, err := absolute(dir)
	if err != nil {
		return nil, err
	}
	found, err := sink.Leftovers(ctx, dir)
	if err != nil {
		return nil, fmt.Errorf("looking for leftovers: %w", err)
	}
	return found, nil
}
