// Command copy measures how fast `arrayrecord merge` copies chunks, next to cp of the same file.
//
//	go build -o bin/arrayrecord ./cmd/arrayrecord && go run ./bench/copy
//
// Both copy one file, in turns, so that a busy machine is busy for both: from disk to disk, and in
// the system's cache, where cp does not even see the bytes. Ratios are medians over the turns.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// A shape is a kind of file. The bytes are random, as after compression.
type shape struct {
	record, group int
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("copy: ")
	size := flag.Int("size", 512<<20, "bytes of records in a file")
	repeat := flag.Int("repeat", 7, "turns")
	dir := flag.String("dir", "build/bench-copy", "where the files are made and removed")
	program := flag.String("program", "bin/arrayrecord", "the program to measure")
	flag.Parse()
	if *size < 1<<20 || *repeat < 1 || flag.NArg() > 0 {
		log.Fatal("--size is at least 1048576, --repeat 1, and there are no arguments")
	}
	if err := measure(*dir, *program, *size, *repeat); err != nil {
		log.Fatal(err)
	}
}

func measure(dir, program string, size, repeat int) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(dir, "files-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in.arrayrecord"), filepath.Join(dir, "out.arrayrecord")
	if program, err = filepath.Abs(program); err != nil {
		return err
	}
	fmt.Println("| chunks | copied | cp | merge | merge's speed by cp's |\n|---|---|---|---|---|")
	for _, s := range []shape{{64 << 10, 16}, {64 << 10, 1}, {1 << 10, 1}} {
		bytes, err := s.write(in, size)
		if err != nil {
			return err
		}
		for _, way := range []struct {
			name      string
			cold      bool
			cp, merge []string
		}{
			{"from disk to disk", true, []string{"sh", "-c", `cp "$0" "$1" && sync "$1"`, in, out}, []string{program, "merge", in, "-o", out}},
			{"in the cache", false, []string{"cp", in, out}, []string{program, "merge", in, "-o", out, "--no-sync"}},
		} {
			var cp, merge, ratio []float64
			for i := range repeat {
				pair := [2]float64{}
				for turn := range 2 {
					which := (i + turn) % 2 // who goes first changes
					if pair[which], err = timed([][]string{way.cp, way.merge}[which], in, out, way.cold); err != nil {
						return err
					}
				}
				cp, merge, ratio = append(cp, pair[0]), append(merge, pair[1]), append(ratio, pair[0]/pair[1])
			}
			fmt.Printf("| %d KiB | %s | %.0f MB/s | %.0f MB/s | %.2f (%.2f to %.2f) |\n", s.record*s.group>>10, way.name,
				bytes/median(cp)/1e6, bytes/median(merge)/1e6, median(ratio), slices.Min(ratio), slices.Max(ratio))
		}
	}
	return nil
}

// write makes a file and gives its size.
func (s shape) write(name string, size int) (float64, error) {
	w, err := arrayrecord.Create(context.Background(), name, arrayrecord.WriterOptions{GroupSize: s.group, Compression: arrayrecord.Uncompressed()})
	if err != nil {
		return 0, err
	}
	defer w.Abort()
	noise := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(noise)
	for i := range size / s.record {
		at := i * 977 % (len(noise) - s.record)
		if err := w.Write(noise[at : at+s.record]); err != nil {
			return 0, err
		}
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	info, err := os.Stat(name)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()), nil
}

// timed runs a command that copies in to out, and gives the seconds it took.
func timed(args []string, in, out string, cold bool) (float64, error) {
	if err := os.RemoveAll(out); err != nil {
		return 0, err
	}
	if err := prepare(in, cold); err != nil {
		return 0, err
	}
	var said bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = &said
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, said.String())
	}
	took := time.Since(begin).Seconds()
	one, err := os.Stat(in)
	if err != nil {
		return 0, err
	}
	two, err := os.Stat(out)
	if err == nil && one.Size() != two.Size() {
		err = fmt.Errorf("%s: %d bytes became %d", strings.Join(args, " "), one.Size(), two.Size())
	}
	return took, err
}

// prepare brings a file into the system's cache, or out of it.
func prepare(name string, cold bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil || !cold {
		_, copyErr := io.Copy(io.Discard, f)
		return errors.Join(err, copyErr)
	}
	return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}
