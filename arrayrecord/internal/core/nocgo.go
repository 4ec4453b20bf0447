//go:build !cgo

package core

// A core in C++ cannot be reached without cgo: this line stands where the compiler would otherwise
// list every name that is missing.
const _ string = arrayrecord_needs_cgo__set_CGO_ENABLED_1_and_install_a_C_compiler__apt_install_build_essential_pkg_config
