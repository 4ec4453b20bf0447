package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

const pathsHelp = `FILE is a path or a gs:// URL, and may be
  train.arrayrecord             a file
  train.arrayrecord[100:200]    its records 100 up to but without 200
  'train-*.arrayrecord'         all files that match; ** is any directories
  data/                         the record files in a directory and below it
  -                             standard input, or output`

// names gives the paths that the arguments of a command stand for, with what is in directories in
// their place.
func (a *app) names(ctx context.Context, args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		if err := checkName(arg); err != nil {
			return nil, err
		}
		if arg == "-" {
			name, err := a.keepInput()
			if err != nil {
				return nil, err
			}
			names = append(names, name)
			continue
		}
		inside, err := recordFiles(ctx, arg)
		if err != nil {
			return nil, err
		}
		if inside == nil {
			inside = []string{arg}
		}
		names = append(names, inside...)
	}
	return names, nil
}

var oneSlash = regexp.MustCompile(`^([a-z][a-z0-9+.-]+):/?([^/]|$)`)

// checkName refuses URLs that lack a slash: they would be taken for local paths.
func checkName(name string) error {
	if m := oneSlash.FindStringSubmatch(name); m != nil {
		if _, err := storage.For(m[1] + "://"); err == nil {
			return usagef("%s: a URL begins with %s://", name, m[1])
		}
	}
	return nil
}

// recordFile matches names of record files, with a shard's number after the extension too.
var recordFile = regexp.MustCompile(`\.(arrayrecord|array_record|riegeli)(-[0-9]{5,}-of-[0-9]{5,})?$`)

// recordFiles gives the record files in a directory and below it; nil for what is none.
func recordFiles(ctx context.Context, name string) ([]string, error) {
	if storage.Scheme(name) == "" {
		if info, err := os.Stat(name); err != nil || !info.IsDir() {
			return nil, nil
		}
	} else if !strings.HasSuffix(name, "/") {
		return nil, nil
	}
	found, err := storage.List(ctx, storage.Join(escapePattern(strings.TrimRight(name, "/")), "**", "*"))
	if err != nil {
		return nil, err
	}
	var files []string
	for _, info := range found {
		if recordFile.MatchString(info.Name) {
			files = append(files, info.Name)
		}
	}
	if files == nil {
		return nil, &fs.PathError{Op: "no record files in", Path: name, Err: fs.ErrNotExist}
	}
	return files, nil
}

// escapePattern takes the meaning from the special characters of a pattern.
func escapePattern(name string) string {
	return regexp.MustCompile(`[*?\[\\]`).ReplaceAllString(name, `\$0`)
}

// keepInput gives a name under which standard input can be read at any place.
func (a *app) keepInput() (string, error) {
	if a.input != "" {
		return "", usagef("-: standard input can be read once")
	}
	f, ok := a.stdin.(*os.File)
	if info, err := f.Stat(); !ok || err != nil || !info.Mode().IsRegular() {
		if f, err = temporaryFile(""); err != nil {
			return "", err
		}
		a.temporary = append(a.temporary, f)
		if _, err := io.Copy(f, a.stdin); err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
	}
	a.input = fmt.Sprintf("/dev/fd/%d", f.Fd())
	return a.input, nil
}

// shown is a name as a person knows it.
func (a *app) shown(name string) string {
	if name == a.input {
		return "standard input"
	}
	return name
}

// open opens the files that arguments stand for as one sequence of records.
func (a *app) open(ctx context.Context, args ...string) (*arrayrecord.DataSource, error) {
	names, err := a.names(ctx, args)
	if err != nil {
		return nil, err
	}
	// That random access to groups is slow is for programs to know.
	d, err := arrayrecord.OpenDataSource(ctx, names, arrayrecord.WithLogger(slog.New(slog.DiscardHandler)))
	if errors.Is(err, arrayrecord.ErrNotArrayRecord) {
		return nil, a.whichKind(ctx, names, err)
	}
	return d, err
}

// files gives one by one the files that arguments stand for.
func (a *app) files(ctx context.Context, args []string) ([]string, error) {
	names, err := a.names(ctx, args)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, name := range names {
		more, err := matching(ctx, name)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return files, nil
}

// matching gives the files that match a name that may be a pattern.
func matching(ctx context.Context, name string) ([]string, error) {
	if !strings.ContainsAny(name, "*?[") {
		return []string{name}, nil
	}
	if _, err := storage.Stat(ctx, name); err == nil {
		return []string{name}, nil
	}
	found, err := storage.List(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &fs.PathError{Op: "no file matches", Path: name, Err: fs.ErrNotExist}
	}
	names := make([]string, len(found))
	for i, info := range found {
		names[i] = info.Name
	}
	return names, nil
}
