package main

import (
	"strings"
)

// describe gives an error as lines for a person.
func (a *app) describe(err error) []string {
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		var lines []string
		for _, e := range joined.Unwrap() {
			lines = append(lines, a.describe(e)...)
		}
		return lines
	}
	text := err.Error()
	// The program has said its name, and so does the library.
	text = strings.TrimPrefix(text, "arrayrecord: ")
	text = strings.ReplaceAll(text, ": arrayrecord: ", ": ")
	if a.input != "" {
		text = strings.ReplaceAll(text, a.input, "standard input")
	}
	return []string{text}
}
