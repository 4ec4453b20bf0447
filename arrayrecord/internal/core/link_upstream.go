//go:build arrayrecord_upstream

package core

// Links a library that somebody else's build has made from upstream/arrayrecord_upstream.cc and from
// upstream's sources: CGO_LDFLAGS says where it is (docs/upstream.md).

// #cgo LDFLAGS: -lstdc++ -lm -lpthread
import "C"
