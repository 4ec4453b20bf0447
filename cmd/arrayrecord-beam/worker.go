package main

import (
	"strconv"
	"strings"
)

// isWorker reports whether Beam's boot program started this process to be a
// worker. Its arguments are flags of package flag and no command.
func isWorker(args []string) bool {
	for _, arg := range args {
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || name != "worker" {
			continue
		}
		on, err := strconv.ParseBool(value)
		return !hasValue || err == nil && on
	}
	return false
}
