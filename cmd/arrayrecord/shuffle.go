package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"math/rand/v2"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

func newShuffle(a *app) *cobra.Command {
	var o rewriteFlags
	var seed uint64
	memory := byteSize(512 << 20)
	var tempDir string
	cmd := &cobra.Command{
		Use:   "shuffle FILE... -o FILE",
		Short: "Write all records in random order",
		Long: `Write all records of all files in random order: each order is as likely as any other.
The same --seed gives the same order, whatever --memory is; without it the order is
another one each time.

There may be more data than memory: records go to temporary files without names in
--temp-dir first, which needs room for all of them uncompressed.`,
		Example: `  arrayrecord shuffle 'train-*.arrayrecord' --seed 1 -o shuffled --shards 16`,
		Args:    atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if !cmd.Flags().Changed("seed") {
				seed = rand.Uint64()
			}
			return o.rewrite(ctx, a, args, func(w *rewriting) error {
				return o.write(ctx, a, w.options, func(s *sink) error {
					p := a.newStatus("records read and written", 2*int64(w.NumRecords()))
					defer p.close()
					sh := &shuffler{memory: int64(memory), tempDir: tempDir, progress: p, emit: s.Write}
					return sh.shuffle(ctx, w.DataSource, seed)
				})
			})
		},
	}
	o.addFlags(cmd, outputUsage)
	o.addShards(cmd)
	cmd.Flags().Uint64Var(&seed, "seed", 0, "`number` that decides the order (default another each time)")
	cmd.Flags().Var(&memory, "memory", "about how much memory to use")
	cmd.Flags().StringVar(&tempDir, "temp-dir", "", "`directory` for temporary files (default $TMPDIR, or /tmp)")
	_ = cmd.MarkFlagDirname("temp-dir")
	return cmd
}

// A shuffler gives each record a random key and sorts by it: into temporary files by the first part
// of the key until one fits into memory.
type shuffler struct {
	memory   int64
	tempDir  string
	progress *status
	emit     func(record []byte) error
}

func (s *shuffler) shuffle(ctx context.Context, d *arrayrecord.DataSource, seed uint64) error {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	random := rand.NewChaCha8(key)
	p, err := s.newPiles()
	defer p.close()
	if err != nil {
		return err
	}
	for record, err := range d.Scan(ctx, 0, d.NumRecords()) {
		if err != nil {
			return err
		}
		if err := p.add(random.Uint64(), record); err != nil {
			return err
		}
		s.progress.add(1)
	}
	return s.emitPiles(ctx, p)
}

// numPiles is how many temporary files there are at once for one step of the key.
const numPiles = 64

// perRecord is what a record takes in memory besides its bytes, about.
const perRecord = 48

// pile is a temporary file of records whose keys begin equally.
type pile struct {
	file  *os.File
	out   *bufio.Writer
	bytes int64 // in memory
}

type piles []*pile

func (p piles) close() {
	for _, one := range p {
		one.file.Close()
	}
}

func (s *shuffler) newPiles() (piles, error) {
	var p piles
	for range numPiles {
		f, err := temporaryFile(s.tempDir)
		if err != nil {
			return p, err
		}
		p = append(p, &pile{file: f, out: bufio.NewWriterSize(f, 64<<10)})
	}
	return p, nil
}

// add puts a record where its key says. What is left of the key orders the records of a pile.
func (p piles) add(key uint64, record []byte) error {
	i, rest := bits.Mul64(key, numPiles)
	one := p[i]
	head := binary.LittleEndian.AppendUint64(nil, rest)
	head = binary.AppendUvarint(head, uint64(len(record)))
	if _, err := one.out.Write(head); err != nil {
		return err
	}
	one.bytes += int64(len(record)) + perRecord
	_, err := one.out.Write(record)
	return err
}

// emitPiles gives the records of all piles out in order.
func (s *shuffler) emitPiles(ctx context.Context, p piles) error {
	for _, one := range p {
		if err := one.out.Flush(); err != nil {
			return err
		}
		if _, err := one.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		emit := s.emitPile
		if one.bytes > s.memory {
			emit = s.divide
		}
		if err := emit(ctx, one); err != nil {
			return err
		}
		one.file.Close() // gives the room back
	}
	return nil
}

type keyed struct {
	key    uint64
	record []byte
}

// emitPile sorts a pile that fits into memory.
func (s *shuffler) emitPile(ctx context.Context, one *pile) error {
	var records []keyed
	err := one.each(ctx, func(key uint64, record []byte) error {
		records = append(records, keyed{key, slices.Clone(record)})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortStableFunc(records, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
	for _, r := range records {
		if err := s.emit(r.record); err != nil {
			return err
		}
		s.progress.add(1)
	}
	return nil
}

// divide makes piles of one that is too large. One record that is larger than the memory is alone
// sooner or later, since keys differ.
func (s *shuffler) divide(ctx context.Context, one *pile) error {
	p, err := s.newPiles()
	defer p.close()
	if err != nil {
		return err
	}
	n := 0
	if err := one.each(ctx, func(key uint64, record []byte) error { n++; return p.add(key, record) }); err != nil {
		return err
	}
	if n == 1 {
		if _, err := one.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return s.emitPile(ctx, one)
	}
	return s.emitPiles(ctx, p)
}

// each reads a pile. A record is valid during the call only.
func (p *pile) each(ctx context.Context, fn func(key uint64, record []byte) error) error {
	in := bufio.NewReaderSize(p.file, 256<<10)
	var record []byte
	for {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		size, err := binary.ReadUvarint(in)
		if err != nil {
			return err
		}
		record = slices.Grow(record[:0], int(size))[:size]
		if _, err := io.ReadFull(in, record); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := fn(binary.LittleEndian.Uint64(head[:]), record); err != nil {
			return err
		}
	}
}
