//go:build !arrayrecord_pkgconfig

package cpp

// By name, so that a library that is missing is noticed by supported.h, which says what to install,
// and not by pkg-config, which says that its own search path should be set. The order matters to
// static linking.

// #cgo LDFLAGS: -lzstd -lbrotlienc -lbrotlidec -lbrotlicommon -lsnappy -lstdc++ -lm -lpthread
import "C"
