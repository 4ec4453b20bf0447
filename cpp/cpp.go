// Package cpp carries the C++ sources of the core, so that a plain go build compiles them. It has
// no Go code: package arrayrecord/internal/core calls the functions of arrayrecord.h.
package cpp

// #cgo CXXFLAGS: -std=c++17 -O2 -fvisibility=hidden -fvisibility-inlines-hidden -Wall -Wextra
import "C"
