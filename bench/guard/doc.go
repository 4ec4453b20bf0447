// Package guard holds the benchmarks of make bench-check, which compares two
// commits (see check.sh); it has no code to import. They are few and short, use
// the public API alone, and are copied into the older commit.
package guard
