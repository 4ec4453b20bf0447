package storage

import (
	"path"
	"path/filepath"
	"strings"
)

// Split cuts a name after its last slash: what comes before ("" if there is no
// slash, "/" or "scheme://" at the root, else without the slash) and the last
// segment. Join puts them together again.
func Split(name string) (dir, base string) {
	scheme, rest := cutScheme(name)
	if scheme == "" {
		dir, base = filepath.Split(rest)
		if trimmed := strings.TrimRight(dir, string(filepath.Separator)); trimmed != "" {
			dir = trimmed
		}
		return dir, base
	}
	dir, base = path.Split(rest)
	return scheme + strings.TrimRight(dir, "/"), base
}

// Join appends segments to a directory's name, with one slash between each.
func Join(dir string, segments ...string) string {
	scheme, rest := cutScheme(dir)
	if scheme == "" {
		return filepath.Join(append([]string{rest}, segments...)...)
	}
	// Not path.Join: object names may hold "..", "." and empty segments.
	for _, s := range segments {
		if rest != "" && !strings.HasSuffix(rest, "/") {
			rest += "/"
		}
		rest += s
	}
	return scheme + rest
}

func cutScheme(name string) (scheme, rest string) {
	if s := Scheme(name); s != "" {
		n := len(s) + len("://")
		return name[:n], name[n:]
	}
	return "", name
}
