package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// A status shows how far a command is, in one line of a terminal. On anything else it is silent.
type status struct {
	out   io.Writer
	what  string // is counted
	bytes bool   // are counted, what has a name of its own
	total int64  // 0 if unknown
	done  atomic.Int64
	begin time.Time
	stop  chan struct{}
	group sync.WaitGroup
}

const progressEvery = 250 * time.Millisecond

func (a *app) newStatus(what string, total int64) *status {
	return a.showStatus(&status{what: what, total: total})
}

func (a *app) showStatus(p *status) *status {
	p.out, p.begin = a.err, time.Now()
	if !lookAt(a.err).terminal {
		return p
	}
	stop := make(chan struct{})
	p.stop = stop
	p.group.Go(func() {
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				fmt.Fprint(p.out, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprintf(p.out, "\r\x1b[K%s", p.line(time.Since(p.begin), lookAt(p.out).width))
			}
		}
	})
	return p
}

func (p *status) add(n int64) { p.done.Add(n) }

// close removes the line. Closing again does nothing.
func (p *status) close() {
	if p.stop != nil {
		close(p.stop)
		p.group.Wait()
		p.stop = nil
	}
}

// line is what is shown: it fits into a line of a terminal of that width, or nothing is shown.
func (p *status) line(elapsed time.Duration, width int) string {
	done := p.done.Load()
	count := formatCount(done)
	if p.bytes {
		count = formatBytes(done)
	}
	text := count + " " + p.what
	if p.total > 0 {
		part := min(float64(done)/float64(p.total), 1)
		text = fmt.Sprintf("%3.0f %% %s", 100*part, text)
		if done > 0 && done < p.total {
			left := time.Duration(float64(elapsed) * (1 - part) / part).Round(time.Second)
			text += fmt.Sprintf(", %v left", left)
		}
		if room := width - utf8.RuneCountInString(text) - 2; room >= 10 {
			drawn := drawBar(part, min(room, 40))
			text += " " + drawn + strings.Repeat("░", min(room, 40)-utf8.RuneCountInString(drawn))
		}
	}
	if utf8.RuneCountInString(text) >= width {
		return string([]rune(text)[:max(width-1, 0)])
	}
	return text
}
