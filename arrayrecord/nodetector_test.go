//go:build !race && !asan

package arrayrecord_test

const detecting = false
