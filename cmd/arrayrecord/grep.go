package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

// A matcher says which records are wanted. grep and filter have the same.
type matcher struct {
	ignoreCase, invert bool
	fields             []string

	pattern *regexp.Regexp
}

func (m *matcher) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&m.ignoreCase, "ignore-case", "i", false, "take small and capital letters for equal")
	cmd.Flags().BoolVarP(&m.invert, "invert-match", "v", false, "take the records that do not match")
	cmd.Flags().StringArrayVar(&m.fields, "field", nil, "look into this `FEATURE` of tf.train.Examples only; may be given several times")
}

const patternHelp = `PATTERN is a regular expression (https://pkg.go.dev/regexp/syntax) that is looked
for in the bytes of each record. With --field the records are tf.train.Examples, and
it is looked for in each value of these features: byte strings as they are, numbers
in decimal notation. "^" and "$" are the ends of the record or value.`

func (m *matcher) compile(pattern string) (err error) {
	if m.ignoreCase {
		pattern = "(?i)" + pattern
	}
	if m.pattern, err = regexp.Compile(pattern); err != nil {
		return usageError{err}
	}
	return nil
}

// match reports whether a record is wanted.
func (m *matcher) match(record []byte) (bool, error) {
	if len(m.fields) == 0 {
		return m.pattern.Match(record) != m.invert, nil
	}
	example, err := tfexample.Decode(record)
	if err != nil {
		return false, err
	}
	for _, name := range m.fields {
		if m.matchFeature(example.GetFeatures().GetFeature()[name]) {
			return !m.invert, nil
		}
	}
	return m.invert, nil
}

func (m *matcher) matchFeature(f *tfexample.Feature) bool {
	for _, value := range f.GetBytesList().GetValue() {
		if m.pattern.Match(value) {
			return true
		}
	}
	for _, value := range f.GetInt64List().GetValue() {
		if m.pattern.MatchString(strconv.FormatInt(value, 10)) {
			return true
		}
	}
	for _, value := range f.GetFloatList().GetValue() {
		if m.pattern.MatchString(strconv.FormatFloat(float64(value), 'f', -1, 32)) {
			return true
		}
	}
	return false
}

// highlight gives a record as a line of text with the matches in colour.
func (m *matcher) highlight(s screen, record []byte) string {
	var b strings.Builder
	at := 0
	for _, place := range m.pattern.FindAllIndex(record, -1) {
		b.WriteString(escape(record[at:place[0]]))
		if place[0] < place[1] {
			b.WriteString(s.paint(red, escape(record[place[0]:place[1]])))
		}
		at = place[1]
	}
	return b.String() + escape(record[at:])
}

func newGrep(a *app) *cobra.Command {
	var p printer
	var ask scanFlags
	var m matcher
	var countOnly, numbers bool
	var most count
	cmd := &cobra.Command{
		Use:   "grep PATTERN FILE...",
		Short: "Print the records that match a regular expression",
		Long: `Print the records that match a regular expression.

` + patternHelp + `

The exit code is 3 if nothing was found.`,
		Example: `  arrayrecord grep 'cat|dog' captions.arrayrecord
  arrayrecord grep '^7$' --field label -n --format example train.arrayrecord`,
		Args: atLeast(2, "pattern or file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.compile(args[0]); err != nil {
				return err
			}
			d, err := ask.open(cmd.Context(), a, args[1:]...)
			if err != nil {
				return err
			}
			defer d.Close()
			if err := p.prepare(cmd.Context(), d); err != nil {
				return err
			}
			painted := a.screen.colours() && p.format.value == "text" && len(m.fields) == 0 && !m.invert
			found, i := 0, -1
			for record, err := range d.Scan(cmd.Context(), 0, d.NumRecords()) {
				if err != nil {
					return err
				}
				i++
				matches, err := m.match(record)
				if err != nil {
					return a.recordError(d, i, err)
				}
				if !matches {
					continue
				}
				found++
				if !countOnly {
					if numbers {
						fmt.Fprintf(a.out, "%s:", a.screen.paint(green, strconv.Itoa(i)))
					}
					if painted {
						_, err = fmt.Fprintln(a.out, m.highlight(a.screen, record))
					} else {
						err = p.print(a.out, record)
					}
					if err != nil {
						return a.recordError(d, i, err)
					}
				}
				if found == int(most) {
					break
				}
			}
			if countOnly {
				if _, err := fmt.Fprintln(a.out, found); err != nil {
					return err
				}
			}
			if found == 0 {
				return errNo
			}
			return nil
		},
	}
	m.addFlags(cmd)
	cmd.Flags().BoolVarP(&countOnly, "count", "c", false, "print only how many records match")
	cmd.Flags().BoolVarP(&numbers, "record-number", "n", false, "print the number of each record before it")
	cmd.Flags().VarP(&most, "max-count", "m", "stop after `number` matching records; 0 is all")
	p.addFlags(cmd)
	ask.addFlags(cmd)
	return cmd
}
