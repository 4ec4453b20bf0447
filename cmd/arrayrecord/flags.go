package main

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// takesNumbers marks commands with arguments such as -1, which would be taken for flags.
const takesNumbers = "takes numbers"

var negative = regexp.MustCompile(`^-[0-9]+(:-?[0-9]*)?$`)

// minus takes the place of the - of a negative number while flags are looked for.
const minus = "−"

// protectNumbers makes arguments of a command line that are negative numbers look like arguments.
func protectNumbers(root *cobra.Command, args []string) []string {
	cmd, _, err := root.Find(args)
	if err != nil || cmd.Annotations[takesNumbers] == "" {
		return args
	}
	result := make([]string, 0, len(args))
	isValue := false // of the flag before
	for i, arg := range args {
		if arg == "--" {
			return append(result, args[i:]...)
		}
		if !isValue && negative.MatchString(arg) {
			arg = minus + arg[1:]
		}
		isValue = !isValue && wantsValue(cmd, arg)
		result = append(result, arg)
	}
	return result
}

// wantsValue reports whether the argument after arg is the value of a flag.
func wantsValue(cmd *cobra.Command, arg string) bool {
	if len(arg) < 2 || arg[0] != '-' || strings.Contains(arg, "=") {
		return false
	}
	var f *pflag.Flag
	if name, long := strings.CutPrefix(arg, "--"); long {
		f = cmd.Flags().Lookup(name)
	} else {
		f = cmd.Flags().ShorthandLookup(arg[len(arg)-1:])
	}
	return f != nil && f.NoOptDefVal == ""
}

// flagError says which flag a wrong one may be meant to be.
func flagError(cmd *cobra.Command, err error) error {
	name, found := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !found {
		return usageError{err}
	}
	near, distance := "", 3
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := editDistance(name, f.Name); d < distance && !f.Hidden {
			near, distance = f.Name, d
		}
	})
	if near == "" {
		return usageError{err}
	}
	return usagef("%w; is it --%s?", err, near)
}

// editDistance is the number of letters to insert, remove or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
