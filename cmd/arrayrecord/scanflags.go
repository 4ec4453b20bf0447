package main

import (
	"bufio"
	"context"
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
		return fmt.Errorf("nothing read")
	}
	return nil
}
