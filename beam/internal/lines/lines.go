// Package lines writes text files.
package lines

import (
	"context"
	"errors"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Write makes a file of lines, which appears when it is complete and replaces
// what has its name.
func Write(ctx context.Context, name string, lines []string) error {
	u, err := storage.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := u.Write([]byte(strings.Join(lines, "\n") + "\n")); err != nil {
		return errors.Join(err, u.Abort())
	}
	return u.Commit()
}
