package arrayrecord

import "github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"

// SetChunkCacheSize bounds the memory, in bytes, of the decoded chunks of several records that are kept
// for the next Get of a record beside the last one: those of all local files of the process
// together. It is 64 MiB by default; 0 keeps none. It may be called at any time.
func SetChunkCacheSize(bytes int) { core.SetCacheLimit(max(bytes, 0)) }

// SetMaxThreads bounds the threads of the core, which encodes what is written; 0 is the default: one
// for each processor that the process may use, with the quota of its control group if that is less.
// Reading uses goroutines, which GOMAXPROCS bounds. It may be called at any time.
func SetMaxThreads(n int) { core.SetMaxThreads(max(n, 0)) }

// KeptMemory is how many bytes of memory that Go does not know of are kept for later use: the chunks
// of SetChunkCacheSize, and at most 64 MiB of buffers.
func KeptMemory() int { return core.KeptMemory() }
