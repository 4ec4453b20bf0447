//go:build arrayrecord_bazel

package core

// Links the archive that `bazel build //cpp:libarrayrecord.a` has made.

// #cgo LDFLAGS: ${SRCDIR}/../../../bazel-bin/cpp/libarrayrecord.a
// #cgo pkg-config: libzstd libbrotlienc libbrotlidec libbrotlicommon snappy
// #cgo LDFLAGS: -lstdc++ -lm -lpthread
import "C"
