package main

import (
	"os"
	"strconv"
	"strings"
	"time"
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

// endWithParent ends this worker soon after the boot program that started it.
// Runners and pools kill boot alone, and Beam has a worker without anything
// more to do wait for an hour.
func endWithParent() {
	parent := os.Getppid()
	go func() {
		for os.Getppid() == parent {
			time.Sleep(time.Second)
		}
		os.Exit(1)
	}()
}
