// Package interop holds the checks against other implementations of
// ArrayRecord; it has no code to import. run.sh runs them: check_upstream.py is
// the half in Python, interop_test.go (build tag interop) the one in Go.
package interop
