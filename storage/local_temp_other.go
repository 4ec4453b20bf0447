//go:build !linux

package storage

import (
	"errors"
	"os"
)

func openUnnamed(string) *os.File { return nil }

func linkUnnamed(*os.File, string) error { return errors.ErrUnsupported }

func renameExclusively(from, to string) error { return moveByLink(from, to) }
