package arrayrecord

import "runtime"

// What the zero values of ReaderOptions stand for, where Go has to know.

// threads is how many share the work of one call.
func (o ReaderOptions) threads() int {
	if o.MaxParallelism == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return o.MaxParallelism
}

const defaultReadaheadMemory = 64 << 20

func (o ReaderOptions) readaheadMemory() int {
	if o.ReadaheadMemory == 0 {
		return defaultReadaheadMemory
	}
	return int(o.ReadaheadMemory)
}

const defaultFooterPrefetch = 1 << 20

func (o ReaderOptions) footerPrefetch() int64 {
	if o.FooterPrefetchBytes == 0 {
		return defaultFooterPrefetch
	}
	return o.FooterPrefetchBytes
}
