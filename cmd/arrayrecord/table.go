package main

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// tableRows is how many rows are held back to find out how wide the columns are. Further ones are
// printed as they come.
const tableRows = 1000

// A table prints rows in columns: all are aligned to the right but the last two. It takes the same
// memory for any number of rows.
type table struct {
	a      *app
	heads  []string
	rows   [][]string
	widths []int // nil until the first rows have been printed
}

func newTable(a *app, heads ...string) *table { return &table{a: a, heads: heads} }

func (t *table) row(cells ...string) error {
	if t.widths != nil {
		return t.print(cells, 0)
	}
	t.rows = append(t.rows, cells)
	if len(t.rows) < tableRows {
		return nil
	}
	return t.flush()
}

// flush prints what has been held back.
func (t *table) flush() error {
	if t.widths != nil || len(t.rows) == 0 {
		return nil
	}
	t.widths = make([]int, len(t.heads))
	for _, cells := range append([][]string{t.heads}, t.rows...) {
		for i, cell := range cells {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
	if err := t.print(t.heads, bold); err != nil {
		return err
	}
	for _, cells := range t.rows {
		if err := t.print(cells, 0); err != nil {
			return err
		}
	}
	t.rows = nil
	return nil
}

func (t *table) print(cells []string, colour int) error {
	var b strings.Builder
	for i, cell := range cells {
		pad := strings.Repeat(" ", max(t.widths[i]-utf8.RuneCountInString(cell), 0))
		switch {
		case i == len(cells)-1:
			b.WriteString(cell)
		case i == len(cells)-2:
			b.WriteString(cell + pad + "  ")
		default:
			b.WriteString(pad + cell + "  ")
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if colour != 0 {
		line = t.a.screen.paint(colour, line)
	}
	_, err := fmt.Fprintln(t.a.out, line)
	return err
}
