package gcs

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// objectName is a name taken apart: scheme://bucket/object.
type objectName struct {
	scheme, bucket, object string
}

func parseName(name string) (objectName, error) {
	var n objectName
	var rest string
	n.scheme, rest, _ = strings.Cut(name, "://")
	n.bucket, n.object, _ = strings.Cut(rest, "/")
	if !validBucket(n.bucket) {
		return n, fmt.Errorf("%q is not the name of a bucket: %w", n.bucket, fs.ErrInvalid)
	}
	return n, nil
}

// root is the name of the bucket's content, to which names of objects are
// appended.
func (n objectName) root() string { return n.scheme + "://" + n.bucket + "/" }

// checkObject refuses names that the service would refuse, or that would be
// something else on their way through URLs.
func (n objectName) checkObject() error {
	reason := ""
	switch {
	case n.object == "":
		reason = "no object is named"
	case len(n.object) > 1024:
		reason = "the name of the object has more than 1024 bytes"
	case !utf8.ValidString(n.object) || strings.ContainsAny(n.object, "\r\n"):
		reason = "the name of the object is not valid UTF-8 without line breaks"
	case n.object == "." || n.object == "..":
		reason = "the service has no objects of this name"
	default:
		return nil
	}
	return fmt.Errorf("%s: %w", reason, fs.ErrInvalid)
}

func validBucket(s string) bool {
	for _, c := range s {
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return s != ""
}
