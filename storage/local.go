package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Local is the System of paths on local disk.
type Local struct{}

// Open implements System. The object must be a regular file.
func (Local) Open(ctx context.Context, name string) (Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("storage: open %s: %w", name, context.Cause(ctx))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &localObject{f, info.Size()}, nil
}

type localObject struct {
	f    *os.File
	size int64
}

func (o *localObject) Name() string   { return o.f.Name() }
func (o *localObject) Size() int64    { return o.size }
func (o *localObject) File() *os.File { return o.f }
func (o *localObject) Close() error   { return o.f.Close() }

func (o *localObject) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("storage: read %s: %w", o.f.Name(), context.Cause(ctx))
	}
	return o.f.ReadAt(p, off)
}

// Create implements System. The temporary file is a hidden one beside the target, so that the last
// step is a rename; missing directories are made. The data is not forced to the disk: after a power
// failure a file that was committed shortly before can be incomplete.
func (Local) Create(ctx context.Context, name string, opts CreateOptions) (Upload, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("storage: create %s: %w", name, context.Cause(ctx))
	}
	dir, base := filepath.Split(name)
	if base == "" {
		return nil, &fs.PathError{Op: "create", Path: name, Err: errors.New("name of a directory")}
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "create", Path: name, Err: errors.New("is a directory")}
	}
	if dir != "" {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, fmt.Errorf("storage: create %s: %w", name, err)
		}
	} else {
		dir = "."
	}
	// os.CreateTemp makes files that only their owner can read; this one is going to be an
	// ordinary file.
	for try := 0; ; try++ {
		temporary := filepath.Join(dir, fmt.Sprintf(".%s.tmp-%s", base, randomSuffix()))
		f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			return &localUpload{f: f, name: name, opts: opts}, nil
		}
		if !errors.Is(err, fs.ErrExist) || try == 100 {
			return nil, fmt.Errorf("storage: create %s: %w", name, err)
		}
	}
}

type localUpload struct {
	f    *os.File
	name string
	opts CreateOptions
	done bool
}

func (u *localUpload) File() *os.File              { return u.f }
func (u *localUpload) Write(p []byte) (int, error) { return u.f.Write(p) }

func (u *localUpload) Commit() error {
	if u.done {
		return fmt.Errorf("storage: commit %s: %w", u.name, fs.ErrClosed)
	}
	u.done = true
	err := u.f.Close()
	if err == nil && u.opts.NoOverwrite {
		// Unlike a rename, a link does not replace.
		err = os.Link(u.f.Name(), u.name)
	} else if err == nil {
		err = os.Rename(u.f.Name(), u.name)
	}
	if err != nil || u.opts.NoOverwrite {
		os.Remove(u.f.Name())
	}
	if err != nil {
		return fmt.Errorf("storage: commit %s: %w", u.name, err)
	}
	return nil
}

func (u *localUpload) Abort() error {
	if u.done {
		return nil
	}
	u.done = true
	return errors.Join(u.f.Close(), os.Remove(u.f.Name()))
}

// List implements System. Hidden files, and those in hidden directories, match only elements that
// begin with a dot.
func (Local) List(ctx context.Context, pattern string) ([]Info, error) {
	pattern = filepath.Clean(pattern)
	elements := strings.Split(pattern, string(filepath.Separator))
	for _, element := range elements {
		if _, err := filepath.Match(element, ""); err != nil {
			return nil, fmt.Errorf("storage: pattern %s: %w", pattern, err)
		}
	}
	var found []Info
	seen := map[string]bool{}
	add := func(name string) error {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) { // it has just gone, or is a dangling link
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() && !seen[name] {
			seen[name] = true
			found = append(found, Info{Name: name, Size: info.Size(), ModTime: info.ModTime()})
		}
		return nil
	}
	base := "" // relative
	if filepath.IsAbs(pattern) {
		base, elements = string(filepath.Separator), elements[1:]
	}
	if err := walk(ctx, base, elements, add); err != nil {
		return nil, fmt.Errorf("storage: list %s: %w", pattern, err)
	}
	sort.Slice(found, func(i, j int) bool { return found[i].Name < found[j].Name })
	return found, nil
}

// walk calls add for every path below base that matches the elements.
func walk(ctx context.Context, base string, elements []string, add func(string) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	element, rest := elements[0], elements[1:]
	below := func(name string) error {
		path := filepath.Join(base, name)
		if len(rest) == 0 {
			return add(path)
		}
		return walk(ctx, path, rest, add)
	}
	if !strings.ContainsAny(element, `*?[\`) {
		return below(element)
	}
	if element == "**" && len(rest) > 0 {
		if err := walk(ctx, base, rest, add); err != nil {
			return err
		}
	}
	dir := base
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err != nil && !isDir(dir) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(element, ".") {
			continue
		}
		if element == "**" {
			if entry.IsDir() { // not through links, which could lead in circles
				if err := walk(ctx, filepath.Join(base, name), elements, add); err != nil {
					return err
				}
			}
			if len(rest) > 0 {
				continue
			}
		}
		if ok, _ := filepath.Match(element, name); ok || element == "**" {
			if err := below(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// Stat implements System.
func (Local) Stat(_ context.Context, name string) (Info, error) {
	info, err := os.Stat(name)
	if err != nil {
		return Info{}, err
	}
	if !info.Mode().IsRegular() {
		return Info{}, &fs.PathError{Op: "stat", Path: name, Err: errors.New("not a regular file")}
	}
	return Info{Name: name, Size: info.Size(), ModTime: info.ModTime()}, nil
}

// Rename implements System. Missing directories are made.
func (Local) Rename(_ context.Context, from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Remove implements System. It does not remove directories.
func (l Local) Remove(ctx context.Context, name string) error {
	if _, err := l.Stat(ctx, name); err != nil {
		return err
	}
	return os.Remove(name)
}

// RemoveAll implements System.
func (Local) RemoveAll(_ context.Context, dir string) error { return os.RemoveAll(dir) }
