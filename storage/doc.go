// Package storage is the one view that this module has of the places where
// files live: a directory tree on local disk, a bucket of an object store.
//
// A name selects its place by scheme. A name without "://" is a path on local
// disk, which is built in. Every other scheme is served by a [System] that a
// package registers with [Register], usually from an init function, so that a
// program chooses its places with blank imports; package beamfs adds those that
// Beam's Go SDK has file systems for. The functions of this package
// ([Open], [Create], [List] and so on) look the system up and pass the whole
// name on.
//
// Two properties are the reason for having this package rather than a general
// file system interface:
//
//   - An [Object] is read by position, from many goroutines at once.
//   - An [Upload] is invisible under its name until Commit, and Abort leaves
//     nothing under it. A reader can never meet half a file.
//
// # Concurrency
//
// Systems and Objects are safe for concurrent use. An Upload belongs to one
// goroutine at a time. Two uploads of the same name may be in progress at
// once; each Commit replaces the whole object and the last one wins, unless
// [CreateOptions.NoOverwrite] is set, when the first one wins.
//
// # Errors
//
// Every error names the object and what was being done to it. A missing object
// matches [io/fs.ErrNotExist], an object that must not be replaced
// [io/fs.ErrExist], an unknown scheme [errors.ErrUnsupported], a context that
// ended the context's error and cause.
package storage
