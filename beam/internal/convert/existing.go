package convert

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Existing reports whether the output of a conversion is there and not older
// than its input, and the size of the latter. What is wrong with the input is
// for the conversion to say.
func Existing(ctx context.Context, input, output string) (there bool, inputSize int64, err error) {
	if input == output {
		return false, 0, nil
	}
	done, err := storage.Stat(ctx, output)
	if errors.Is(err, fs.ErrNotExist) {
		return false, 0, nil
	}
	if err != nil {
		return false, 0, fmt.Errorf("looking for the output of %s: %w", input, err)
	}
	source, err := storage.Stat(ctx, input)
	if err != nil || done.ModTime.Before(source.ModTime) {
		return false, 0, nil
	}
	return true, source.Size, nil
}
