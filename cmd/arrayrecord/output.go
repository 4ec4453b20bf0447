package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// outputFlags say where a command writes, and how.
type outputFlags struct {
	name      string
	shards    int // 0 for one file of that name
	overwrite bool
	noSync    bool
	options   string

	writer arrayrecord.WriterOptions // of options
}

const extension = ".arrayrecord"

// maxShards keeps the number of files open at once within what systems allow.
const maxShards = 1000

func (o *outputFlags) addFlags(cmd *cobra.Command, what string) {
	cmd.Flags().StringVarP(&o.name, "output", "o", "", what)
	cmd.Flags().BoolVar(&o.overwrite, "overwrite", false, "replace files that are there")
	cmd.Flags().BoolVar(&o.noSync, "no-sync", false, "do not wait until the disk has the files: a power failure may spoil them")
	cmd.Flags().StringVar(&o.options, "options", "", "writer `OPTIONS` such as group_size:64,zstd:9 (docs/format.md section 8)")
}

// rewriteFlags are those of commands that write records of files to other files.
type rewriteFlags struct {
	outputFlags
	ask scanFlags
}

func (o *rewriteFlags) addFlags(cmd *cobra.Command, what string) {
	o.outputFlags.addFlags(cmd, what)
	o.ask.addFlags(cmd)
}

const outputUsage = "`FILE` to write, - for standard output"

const prefixUsage = "`PREFIX` of the files' names: PREFIX-00000-of-00008.arrayrecord and so on"

func (o *outputFlags) addShards(cmd *cobra.Command) {
	cmd.Flags().IntVar(&o.shards, "shards", 0, "write `N` files OUTPUT-00000-of-N.arrayrecord and so on; record i goes to file i modulo N")
}

// check looks at the flags alone.
func (o *outputFlags) check() (err error) {
	switch {
	case o.name == "":
		return usagef("--output missing")
	case o.shards < 0 || o.shards > maxShards:
		return usagef("--shards %d: must be 1 to %d", o.shards, maxShards)
	case o.shards > 0 && o.name == "-":
		return usagef("--shards: standard output is one file")
	}
	if err := checkName(o.name); err != nil {
		return err
	}
	if o.writer, err = arrayrecord.ParseWriterOptions(o.options); err != nil {
		return usageError{err}
	}
	return nil
}

// names are those of the files.
func (o *outputFlags) names() []string {
	if o.shards == 0 {
		return []string{o.name}
	}
	return shardNames(o.name, o.shards)
}

// shardNames gives the names of n files of a prefix. An extension of the prefix goes to the end.
func shardNames(prefix string, n int) []string {
	prefix = strings.TrimSuffix(prefix, extension)
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%05d-of-%05d%s", prefix, i, n, extension)
	}
	return names
}

// create begins a file.
func (o *outputFlags) create(ctx context.Context, a *app, name string, options arrayrecord.WriterOptions) (*arrayrecord.Writer, error) {
	if name == "-" {
		if a.screen.terminal {
			return nil, usagef("--output -: a terminal cannot show an ArrayRecord file")
		}
		return arrayrecord.NewWriter(a.out, options)
	}
	options.NoOverwrite, options.NoSync = !o.overwrite, o.noSync
	w, err := arrayrecord.Create(ctx, name, options)
	if errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("%w (--overwrite replaces it)", err)
	}
	return w, err
}

// removeMade takes files back that were made before something failed. What replaced another file
// stays: it is complete, and the other one is gone.
func (o *outputFlags) removeMade(ctx context.Context, names []string) {
	if o.overwrite {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, name := range names {
		_ = storage.Remove(ctx, name)
	}
}

// A sink takes records and spreads them over the output's files.
type sink struct {
	o       *outputFlags
	writers []*arrayrecord.Writer
	records int
}

// write begins the files, and finishes them when fn has given the sink all records.
func (o *outputFlags) write(ctx context.Context, a *app, options arrayrecord.WriterOptions, fn func(*sink) error) error {
	s := &sink{o: o}
	defer s.abort()
	for _, name := range o.names() {
		w, err := o.create(ctx, a, name, options)
		if err != nil {
			return err
		}
		s.writers = append(s.writers, w)
	}
	if err := fn(s); err != nil {
		return err
	}
	return s.commit(ctx)
}

func (s *sink) Write(record []byte) error {
	w := s.writers[s.records%len(s.writers)]
	s.records++
	return w.Write(record)
}

// abort gives up what has not been committed.
func (s *sink) abort() {
	for _, w := range s.writers {
		_ = w.Abort()
	}
}

// commit finishes all files, or leaves none of them.
func (s *sink) commit(ctx context.Context) error {
	var made []string
	for _, w := range s.writers {
		if err := w.Close(); err != nil {
			s.o.removeMade(ctx, made)
			return err
		}
		made = append(made, w.Name())
	}
	return nil
}

// sameFile reports whether two names lead to the same file, as far as names tell.
func sameFile(one, two string) bool {
	if storage.Scheme(one) != storage.Scheme(two) {
		return false
	}
	if storage.Scheme(one) != "" {
		return one == two
	}
	if filepath.Clean(one) == filepath.Clean(two) {
		return true
	}
	a, errA := os.Stat(one)
	b, errB := os.Stat(two)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// settings puts writer options of a command line over those of a file.
func settings(file, flags arrayrecord.WriterOptions) arrayrecord.WriterOptions {
	if flags.GroupSize != 0 {
		file.GroupSize = flags.GroupSize
	}
	if flags.Compression != (arrayrecord.Compression{}) {
		file.Compression = flags.Compression
	}
	if flags.TransposeBucketSize != 0 {
		file.TransposeBucketSize = flags.TransposeBucketSize
	}
	file.Transpose = file.Transpose || flags.Transpose
	file.PadToBlockBoundary = file.PadToBlockBoundary || flags.PadToBlockBoundary
	file.MaxParallelism, file.SaturationDelayMS = flags.MaxParallelism, flags.SaturationDelayMS
	return file
}

// optionsOf are the options that a file was written with, as far as it tells.
func optionsOf(r *arrayrecord.Reader) arrayrecord.WriterOptions {
	text, _ := r.WriterOptions()
	o, err := arrayrecord.ParseWriterOptions(text)
	if err != nil {
		o = arrayrecord.WriterOptions{}
	}
	o.MaxParallelism, o.SaturationDelayMS = 0, 0
	if o.GroupSize == 0 || r.NumChunks() > 1 {
		o.GroupSize = max(r.RecordGroupSize(), 1)
	}
	return o
}
