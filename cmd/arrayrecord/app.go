package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// app is what all commands share: where they read and write.
type app struct {
	stdin  io.Reader
	out    *bufio.Writer
	err    io.Writer
	screen screen // that out leads to

	input     string     // name of standard input, once it is to be read at any place
	temporary []*os.File // without names
}

// close removes what the command has put aside.
func (a *app) close() {
	for _, f := range a.temporary {
		f.Close()
	}
}

// printJSON prints a value as one line of JSON.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// A screen is a terminal, or whatever stands in the place of one.
type screen struct {
	terminal bool
	width    int // columns
}

// lookAt finds out what w leads to.
func lookAt(w any) screen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return screen{width: 80}
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width < 1 {
		width = 80
	}
	return screen{terminal: true, width: width}
}

// colours reports whether output may be coloured.
func (s screen) colours() bool {
	return s.terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// paint puts text in a colour, an SGR number, where there are colours.
func (s screen) paint(colour int, text string) string {
	if !s.colours() {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", colour, text)
}

const (
	bold  = 1
	red   = 31
	green = 32
	blue  = 34
	cyan  = 36
)

// A choice is a flag value that is one of some words.
type choice struct {
	value string
	of    []string
}

// String, Set and Type make it a pflag.Value.
func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.of, "|") }
func (c *choice) Set(s string) error {
	for _, known := range c.of {
		if s == known {
			c.value = s
			return nil
		}
	}
	return fmt.Errorf("it must be one of %s", strings.Join(c.of, ", "))
}

// addChoice adds a flag whose first word is the default, and that shells can complete.
func addChoice(cmd *cobra.Command, c *choice, name, short, usage string, of ...string) {
	if c.value == "" {
		c.value = of[0]
	}
	c.of = of
	cmd.Flags().VarP(c, name, short, usage)
	cmd.Flags().Lookup(name).Usage = "`" + strings.ToUpper(name) + "`: " + usage
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(of, cobra.ShellCompDirectiveNoFileComp))
}
