package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"os"
	"slices"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// recordHash is a record as diffSets knows it.
type recordHash struct {
	hash   [16]byte
	number int
}

const recordHashSize = 24

// hashesTogether is how many records of a data set are compared in memory at once, about.
const hashesTogether = 1 << 20

// diffSets compares data sets without regard to order: the hashes of both go to temporary files by
// their first bits, and those of each pair of files are sorted.
func diffSets(ctx context.Context, one, two *arrayrecord.DataSource, r *diffResult) error {
	n := min(max(one.NumRecords(), two.NumRecords())/hashesTogether+1, 256)
	hashesA, err := hashParts(ctx, one, n)
	defer hashesA.close()
	if err != nil {
		return err
	}
	hashesB, err := hashParts(ctx, two, n)
	defer hashesB.close()
	if err != nil {
		return err
	}
	for i := range n {
		a, err := hashesA[i].sorted()
		if err != nil {
			return err
		}
		b, err := hashesB[i].sorted()
		if err != nil {
			return err
		}
		for len(a) > 0 || len(b) > 0 {
			order := 0
			switch {
			case len(b) == 0:
				order = -1
			case len(a) == 0:
				order = 1
			default:
				order = bytes.Compare(a[0].hash[:], b[0].hash[:])
			}
			if order < 0 {
				r.add(difference{A: &a[0].number})
			}
			if order > 0 {
				r.add(difference{B: &b[0].number})
			}
			if order <= 0 {
				a = a[1:]
			}
			if order >= 0 {
				b = b[1:]
			}
		}
	}
	return nil
}

// hashPart is a temporary file of hashes.
type hashPart struct {
	file *os.File
	out  *bufio.Writer
}

type hashFiles []*hashPart

func (h hashFiles) close() {
	for _, part := range h {
		part.file.Close()
	}
}

func hashParts(ctx context.Context, d *arrayrecord.DataSource, n int) (hashFiles, error) {
	var parts hashFiles
	for range n {
		f, err := temporaryFile("")
		if err != nil {
			return parts, err
		}
		parts = append(parts, &hashPart{f, bufio.NewWriterSize(f, 16<<10)})
	}
	i := uint64(0)
	for record, err := range d.Scan(ctx, 0, d.NumRecords()) {
		if err != nil {
			return parts, err
		}
		hash := sha256.Sum256(record)
		var entry [recordHashSize]byte
		copy(entry[:16], hash[:])
		binary.LittleEndian.PutUint64(entry[16:], i)
		i++
		// Of other bits than those that are sorted by first, which would make parts of one range.
		part := int(binary.LittleEndian.Uint64(hash[16:]) % uint64(n))
		if _, err := parts[part].out.Write(entry[:]); err != nil {
			return parts, err
		}
	}
	for _, part := range parts {
		if err := part.out.Flush(); err != nil {
			return parts, err
		}
	}
	return parts, nil
}

func (p *hashPart) sorted() ([]recordHash, error) {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(p.file)
	if err != nil {
		return nil, err
	}
	hashes := make([]recordHash, len(data)/recordHashSize)
	for i := range hashes {
		entry := data[i*recordHashSize:]
		hashes[i] = recordHash{[16]byte(entry[:16]), int(binary.LittleEndian.Uint64(entry[16:]))}
	}
	slices.SortFunc(hashes, func(a, b recordHash) int {
		return cmp.Or(bytes.Compare(a.hash[:], b.hash[:]), cmp.Compare(a.number, b.number))
	})
	return hashes, nil
}

// temporaryFile makes a file without a name in a directory, "" for $TMPDIR.
func temporaryFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "arrayrecord-")
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
