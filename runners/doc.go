// Package runners holds the checks on the runners that Beam has in Java; it has
// no code to import. run.sh fetches them and runs the tests (build tag
// runners). ../docs/runners.md says what was found.
package runners
