//go:build arrayrecord_pkgconfig

package cpp

// For libraries that are where only pkg-config knows.

// #cgo pkg-config: libzstd libbrotlienc libbrotlidec libbrotlicommon snappy
// #cgo LDFLAGS: -lstdc++ -lm -lpthread
import "C"
