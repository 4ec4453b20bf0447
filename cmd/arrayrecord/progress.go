package main

import (
	"io"

	"github.com/schollz/progressbar/v3"
)

// A progress shows on a terminal how far a command is; elsewhere it shows nothing.
type progress struct {
	out io.Writer // nil: nothing is shown
	bar *progressbar.ProgressBar
}

func (a *app) progress() *progress {
	if !lookAt(a.err).terminal {
		return &progress{}
	}
	return &progress{out: a.err}
}

// of gives what a function of the library calls while it works on a file; nil for nothing.
func (p *progress) of(name string) func(done, size int64) {
	if p.out == nil {
		return nil
	}
	return func(done, size int64) {
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(max(size, 1),
				progressbar.OptionSetWriter(p.out),
				progressbar.OptionShowBytes(true),
				progressbar.OptionUseIECUnits(true),
				progressbar.OptionUseANSICodes(true),
				progressbar.OptionFullWidth(),
				progressbar.OptionSetDescription(name),
			)
		}
		// A bar that is full takes itself for finished.
		_ = p.bar.Set64(min(done, max(size-1, 0)))
	}
}

// clear takes what is shown off the terminal, before something else is printed.
func (p *progress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
