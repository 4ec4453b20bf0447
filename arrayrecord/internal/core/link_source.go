//go:build cgo && !arrayrecord_bazel && !arrayrecord_upstream

package core

// Compiles the core from source.
import _ "github.com/arrayrecord/arrayrecord-go/cpp"
