package pipelines

import "github.com/arrayrecord/arrayrecord-go/beam/internal/counters"

// Progress is how far jobs have come. What is found is known early; what is
// written is counted when files get their names, at the end of many jobs.
type Progress struct {
	FilesFound, BytesFound                     int64 // of inputs
	FilesRead, RecordsRead, BytesRead          int64
	FilesWritten, RecordsWritten, BytesWritten int64
	FilesFailed, ChunksFailed, FilesKept       int64
	// Input of which some may be left out is verified before it is read, where
	// what was read cannot be taken back.
	FilesToVerify, BytesToVerify, FilesVerified, BytesVerified int64
	// RecordsCopied is how many of the records that were read are in shards, before
	// these have names, where a number of shards was asked for.
	RecordsCopied int64
}

// LocalProgress tells what this process has done since it began, for all jobs
// together. That is everything for the jobs of Prism within the process and of
// other runners with the environment LOOPBACK; work that was repeated counts
// twice. For jobs whose workers are elsewhere it stays as it is.
//
// It may be called by any goroutine, and while a job runs; the difference of two
// calls is given by Since.
func LocalProgress() Progress { return newProgress(counters.Local()) }

func newProgress(sums map[string]int64) Progress {
	return Progress{
		FilesFound:     sums[counters.FilesFound],
		BytesFound:     sums[counters.BytesFound],
		FilesRead:      sums[counters.FilesRead],
		RecordsRead:    sums[counters.RecordsRead],
		BytesRead:      sums[counters.BytesRead],
		FilesWritten:   sums[counters.FilesWritten],
		RecordsWritten: sums[counters.RecordsWritten],
		BytesWritten:   sums[counters.BytesWritten],
		FilesFailed:    sums[counters.FilesFailed],
		ChunksFailed:   sums[counters.ChunksFailed],
		FilesKept:      sums[counters.FilesKept],
		FilesToVerify:  sums[counters.FilesToVerify],
		BytesToVerify:  sums[counters.BytesToVerify],
		FilesVerified:  sums[counters.FilesVerified],
		BytesVerified:  sums[counters.BytesVerified],
		RecordsCopied:  sums[counters.RecordsCopied],
	}
}

// Since gives what has come since an earlier time.
func (p Progress) Since(earlier Progress) Progress {
	return Progress{
		FilesFound:     p.FilesFound - earlier.FilesFound,
		BytesFound:     p.BytesFound - earlier.BytesFound,
		FilesRead:      p.FilesRead - earlier.FilesRead,
		RecordsRead:    p.RecordsRead - earlier.RecordsRead,
		BytesRead:      p.BytesRead - earlier.BytesRead,
		FilesWritten:   p.FilesWritten - earlier.FilesWritten,
		RecordsWritten: p.RecordsWritten - earlier.RecordsWritten,
		BytesWritten:   p.BytesWritten - earlier.BytesWritten,
		FilesFailed:    p.FilesFailed - earlier.FilesFailed,
		ChunksFailed:   p.ChunksFailed - earlier.ChunksFailed,
		FilesKept:      p.FilesKept - earlier.FilesKept,
		FilesToVerify:  p.FilesToVerify - earlier.FilesToVerify,
		BytesToVerify:  p.BytesToVerify - earlier.BytesToVerify,
		FilesVerified:  p.FilesVerified - earlier.FilesVerified,
		BytesVerified:  p.BytesVerified - earlier.BytesVerified,
		RecordsCopied:  p.RecordsCopied - earlier.RecordsCopied,
	}
}
