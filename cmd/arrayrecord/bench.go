package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// timing is how fast one way to read was.
type timing struct {
	Way     string  `json:"way"`
	Cold    bool    `json:"cold"`
	Records int     `json:"records"` // 0 for bytes alone
	Bytes   int64   `json:"bytes"`   // of the file for bytes alone, else of the records
	Seconds float64 `json:"seconds"`
}

func newBench(a *app) *cobra.Command {
	var asJSON bool
	var n int
	cmd := &cobra.Command{
		Use:   "bench FILE",
		Short: "Measure how fast a file can be read here",
		Long: `Measure how fast a file can be read on this machine: its bytes alone, its records in
order, some at random one by one, and as many in batches of 100.

On local disk each is measured twice: "cold" after the file has been dropped from the
system's cache, and again right after that. What is cached by a disk or a host stays
cached.`,
		Example: `  arrayrecord bench train.arrayrecord
  arrayrecord bench -n 10000 --json gs://bucket/train.arrayrecord`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) != 1 || args[0] == "-":
				return usagef("one file is expected")
			case n < 1:
				return usagef("-n %d: must be positive", n)
			}
			return checkName(args[0])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			b := bench{name: args[0], random: n}
			r, err := a.openFile(ctx, b.name)
			if err != nil {
				return err
			}
			r.Close()
			t := newTable(a, "records/s", "speed", "took", "how", "cache")
			for _, way := range []struct {
				name string
				read func(context.Context) (records int, bytes int64, err error)
			}{
				{"bytes alone", b.bytes}, {"in order", b.inOrder}, {"at random", b.atRandom}, {"at random in batches", b.inBatches},
			} {
				for _, cold := range []bool{true, false} {
					if cold {
						if dropped, err := b.dropCache(); err != nil {
							return err
						} else if !dropped {
							continue
						}
					}
					begin := time.Now()
					records, bytes, err := way.read(ctx)
					if err != nil {
						return err
					}
					took := time.Since(begin)
					if asJSON {
						err = a.printJSON(timing{way.name, cold, records, bytes, took.Seconds()})
					} else {
						perSecond := "-"
						if records > 0 {
							perSecond = formatCount(int(float64(records) / took.Seconds()))
						}
						err = t.row(perSecond, formatBytes(int64(float64(bytes)/took.Seconds()))+"/s", took.Round(time.Microsecond).String(), way.name, map[bool]string{true: "cold", false: ""}[cold])
					}
					if err != nil {
						return err
					}
				}
			}
			return t.flush()
		},
	}
	cmd.Flags().IntVarP(&n, "records", "n", 1000, "`number` of records to read at random")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line for each measurement")
	return cmd
}

// bench reads a file in some ways, and opens it anew for each.
type bench struct {
	name   string
	random int
}

// dropCache takes the file out of the system's cache; false if it is not on local disk.
func (b bench) dropCache() (bool, error) {
	if storage.Scheme(b.name) != "" {
		return false, nil
	}
	f, err := os.Open(b.name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return true, unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// bytes is the bare loop.
func (b bench) bytes(ctx context.Context) (int, int64, error) {
	o, err := storage.Open(ctx, b.name)
	if err != nil {
		return 0, 0, err
	}
	defer o.Close()
	buffer := make([]byte, 4<<20)
	for at := int64(0); ; {
		n, err := o.ReadAt(ctx, buffer, at)
		at += int64(n)
		if errors.Is(err, io.EOF) {
			return 0, at, nil
		}
		if err != nil {
			return 0, 0, err
		}
	}
}

func (b bench) open(ctx context.Context, read func(*arrayrecord.Reader) error) error {
	r, err := arrayrecord.Open(ctx, b.name)
	if err != nil {
		return err
	}
	defer r.Close()
	return read(r)
}

func (b bench) inOrder(ctx context.Context) (records int, bytes int64, err error) {
	err = b.open(ctx, func(r *arrayrecord.Reader) error {
		for record, err := range r.Scan(ctx, 0, r.NumRecords()) {
			if err != nil {
				return err
			}
			records++
			bytes += int64(len(record))
		}
		return nil
	})
	return records, bytes, err
}

// some gives the numbers of records at random, the same each time.
func (b bench) some(r *arrayrecord.Reader) ([]int, error) {
	if r.NumRecords() == 0 {
		return nil, nil
	}
	s, err := arrayrecord.NewSampler(r.NumRecords(), arrayrecord.SamplerOptions{Shuffle: true, NumEpochs: 1})
	if err != nil {
		return nil, err
	}
	keys := make([]int, min(b.random, r.NumRecords()))
	for i := range keys {
		if keys[i], err = s.Key(i); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

func (b bench) atRandom(ctx context.Context) (records int, bytes int64, err error) {
	err = b.open(ctx, func(r *arrayrecord.Reader) error {
		keys, err := b.some(r)
		if err != nil {
			return err
		}
		var record []byte
		for _, key := range keys {
			if record, err = r.AppendRecord(ctx, record[:0], key); err != nil {
				return err
			}
			records++
			bytes += int64(len(record))
		}
		return nil
	})
	return records, bytes, err
}

func (b bench) inBatches(ctx context.Context) (records int, bytes int64, err error) {
	const size = 100
	err = b.open(ctx, func(r *arrayrecord.Reader) error {
		keys, err := b.some(r)
		if err != nil {
			return err
		}
		var batch arrayrecord.Batch
		for len(keys) > 0 {
			n := min(size, len(keys))
			if err := r.ReadBatch(ctx, &batch, keys[:n]); err != nil {
				return err
			}
			for i := range batch.Len() {
				records++
				bytes += int64(len(batch.Record(i)))
			}
			keys = keys[n:]
		}
		return nil
	})
	return records, bytes, err
}
