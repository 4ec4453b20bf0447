package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// freeScan is how many bytes of other places than the local disk are read without asking.
const freeScan = 64 << 20

// scanFlags are those of commands that read all that files have. From a bucket that takes time and
// may cost money, so they ask.
type scanFlags struct{ yes bool }

func (s *scanFlags) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, fmt.Sprintf("read all of objects in buckets, of more than %s together, without asking", formatBytes(freeScan)))
}

// open opens the files that arguments stand for, once everything may be read.
func (s *scanFlags) open(ctx context.Context, a *app, args ...string) (*arrayrecord.DataSource, error) {
	d, err := a.open(ctx, args...)
	if err != nil {
		return nil, err
	}
	if err := s.check(ctx, a, d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// check asks whether everything may be read.
func (s *scanFlags) check(ctx context.Context, a *app, sources ...*arrayrecord.DataSource) error {
	if s.yes {
		return nil
	}
	size, objects := int64(0), 0
	for _, d := range sources {
		for _, f := range d.Files() {
			if storage.Scheme(f.Name) == "" {
				continue
			}
			r, err := arrayrecord.Open(ctx, f.Name)
			if err != nil {
				return err
			}
			if r.NumRecords() > 0 {
				size += int64(float64(r.Size()) * float64(f.Take) / float64(r.NumRecords()))
			}
			objects++
			r.Close()
		}
	}
	return s.allow(a, size, objects)
}

// checkFiles is check for files of any kind.
func (s *scanFlags) checkFiles(ctx context.Context, a *app, names []string) error {
	if s.yes {
		return nil
	}
	size, objects := int64(0), 0
	for _, name := range names {
		if storage.Scheme(name) == "" {
			continue
		}
		info, err := storage.Stat(ctx, name)
		if err != nil {
			return err
		}
		size += info.Size
		objects++
	}
	return s.allow(a, size, objects)
}

// allow asks whether so much of objects in buckets may be read.
func (s *scanFlags) allow(a *app, size int64, objects int) error {
	if size <= freeScan {
		return nil
	}
	question := fmt.Sprintf("this reads %s from %s in a bucket", formatBytes(size), plural(objects, "object"))
	in, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !lookAt(a.err).terminal {
		return usagef("%s; --yes allows it", question)
	}
	fmt.Fprintf(a.err, "arrayrecord: %s. Go on? [y/N] ", question)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return errors.New("nothing read")
	}
	return nil
}
