// Package recordpath parses paths that may name a part of a file's records.
package recordpath

import (
	"fmt"
	"regexp"
	"strconv"
)

// A Path is a file, or the records [Begin, End) of a file.
type Path struct {
	Name       string
	Begin, End int // End is -1 if the path names no range
}

var ranged = regexp.MustCompile(`^(.*)\[([0-9]+):([0-9]+)\]$`)

// Parse parses "name" or "name[begin:end]". It fails if a range ends before it
// begins, or has numbers too large to be true.
func Parse(path string) (Path, error) {
	match := ranged.FindStringSubmatch(path)
	if match == nil {
		return Path{Name: path, End: -1}, nil
	}
	begin, err1 := strconv.Atoi(match[2])
	end, err2 := strconv.Atoi(match[3])
	switch {
	case err1 != nil || err2 != nil:
		return Path{}, fmt.Errorf("%s: the numbers of the range are too large", path)
	case begin > end:
		return Path{}, fmt.Errorf("%s: the range ends before it begins", path)
	}
	return Path{Name: match[1], Begin: begin, End: end}, nil
}
