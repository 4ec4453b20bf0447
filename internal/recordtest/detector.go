//go:build race || asan

package recordtest

// Detecting says that the process has the memory of a detector, too, which is several times its own.
const Detecting = true
