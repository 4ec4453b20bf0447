package main

// A progress shows on a terminal how far a command is that works on one file after the other.
type progress struct {
	a    *app
	line *status // nil if nothing is shown
}

func (a *app) progress() *progress { return &progress{a: a} }

// of gives what a function of the library calls while it works on a file; nil for nothing.
func (p *progress) of(name string) func(done, size int64) {
	if !lookAt(p.a.err).terminal {
		return nil
	}
	return func(done, size int64) {
		if p.line == nil {
			p.line = p.a.showStatus(&status{what: "of " + name, total: size, bytes: true})
		}
		p.line.done.Store(done)
	}
}

// clear takes what is shown off the terminal, before something else is printed.
func (p *progress) clear() {
	if p.line != nil {
		p.line.close()
		p.line = nil
	}
}
