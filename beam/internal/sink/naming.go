package sink

import (
	"context"
	"fmt"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A Set is what belongs together of an output: the shards of one destination,
// window and pane.
type Set struct {
	// Destination is "" if there are none.
	Destination string
	// Window and Pane are as the letters W and P of a template give them; ""
	// without windowed writes.
	Window, Pane string
}

// A Naming says how the names of the shards of a set are made. What is "" is as
// the options say, which for the prefix is what they say with the destination
// behind it.
type Naming struct {
	Prefix   string
	Template string
	Suffix   string
}

// name applies the naming function to a set.
func (sets Sets) name(ctx context.Context, s shardSet) (shardSet, error) {
	if sets.Naming == nil {
		return s, sets.checkSet(s)
	}
	naming, err := call[Naming](ctx, sets.Naming, Set{Destination: s.Destination, Window: s.Pane.Window, Pane: s.Pane.Pane})
	if err != nil {
		return s, fmt.Errorf("the naming function: %w", err)
	}
	if naming.Prefix != "" {
		s.Prefix = naming.Prefix
	}
	if naming.Template != "" {
		s.Template = naming.Template
	}
	if naming.Suffix != "" {
		s.Suffix = naming.Suffix
	}
	return s, sets.checkSet(s)
}

// checkSet makes sure that names that were made of data are such that the shards
// can be put there.
func (sets Sets) checkSet(s shardSet) error {
	if err := checkPrefix(s.Prefix); err != nil {
		return err
	}
	if storage.Scheme(s.Prefix) != storage.Scheme(sets.Prefix) {
		return fmt.Errorf("%s is not in the place of the output %s, where the temporary files are", s.Prefix, sets.Prefix)
	}
	if strings.Contains(s.Suffix, "/") {
		return fmt.Errorf("the suffix %q contains a slash", s.Suffix)
	}
	return sets.checkTemplate(s.Template, sets.Windowed)
}
