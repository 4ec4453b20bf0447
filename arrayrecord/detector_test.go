//go:build race || asan

package arrayrecord_test

// detecting says that the process has the memory of a detector, too, which is several times its own.
const detecting = true
