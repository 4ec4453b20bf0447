package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// The decisions that are written down.
const (
	planDecision   = "plan"   // []shardPlan
	commitDecision = "commit" // []move
)

// decide writes down a decision that later steps depend on, in the directory
// of temporary files, and returns it. If this run has written it down before,
// decide returns what it was then.
//
// A runner that lost part of the results may repeat bundles, whose files then
// have other names, and come back to a decision when some shards are already
// made by it. Following the first decision to its end is what keeps records
// from being lost or doubled. Of several that decide at once, the first to
// finish the file wins.
func decide[T any](ctx context.Context, c Config, what string, decision T) (T, error) {
	name := storage.Join(c.TempDir, what+"-"+c.RunID+".json")
	made, err := readDecision[T](ctx, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return made, err
	}
	data, err := json.Marshal(decision)
	if err != nil {
		return decision, fmt.Errorf("%s: %w", name, err)
	}
	err = createOnce(ctx, name, data)
	if errors.Is(err, fs.ErrExist) {
		return readDecision[T](ctx, name)
	}
	return decision, err
}

func createOnce(ctx context.Context, name string, data []byte) error {
	u, err := storage.Create(ctx, name, storage.CreateOptions{NoOverwrite: true})
	if err != nil {
		return err
	}
	if _, err := u.Write(data); err != nil {
		return errors.Join(err, u.Abort())
	}
	return u.Commit()
}

func readDecision[T any](ctx context.Context, name string) (T, error) {
	var decision T
	o, err := storage.Open(ctx, name)
	if err != nil {
		return decision, err
	}
	defer o.Close()
	data := make([]byte, o.Size())
	if _, err := io.ReadFull(io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size()), data); err != nil {
		return decision, fmt.Errorf("%s: %w", name, err)
	}
	if err := json.Unmarshal(data, &decision); err != nil {
		return decision, fmt.Errorf("%s: %w", name, err)
	}
	return decision, nil
}
