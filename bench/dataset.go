package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/tfexample"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// A dataset is a sequence of records that is the same in every run.
type dataset struct {
	name  string
	about string // for the report
	full  int    // number of records at size full
	// record appends record i to b. The generator's state depends on i alone.
	record func(b []byte, i int, rng *rand.Rand) ([]byte, error)
}

var datasets = []dataset{
	{"lorem", "200 words of lorem ipsum", 65_536, loremRecord},
	{"small", "100 B of text and numbers", 1_000_000, smallRecord},
	{"jpeg", "100 KB that do not compress, as JPEG does not", 20_000, noiseRecord},
	{"examples", "tf.Examples of an image of 28 x 28 and four features", 50_000, exampleRecord},
	{"tiny", "8 to 40 B, ten million of them, to open", 10_000_000, tinyRecord},
}

// The words of the usual passage, and the others of the text that it is from.
var (
	loremBegin = strings.Fields(`lorem ipsum dolor sit amet consectetur adipisicing elit sed do eiusmod
		tempor incididunt ut labore et dolore magna aliqua`)
	loremWords = strings.Fields(`a ab accusamus accusantium ad adipisci alias aliquam aliquid amet animi
		aperiam architecto asperiores aspernatur assumenda at atque aut autem beatae blanditiis commodi
		consectetur consequatur consequuntur corporis corrupti culpa cum cumque cupiditate debitis
		delectus deleniti deserunt dicta dignissimos distinctio dolor dolore dolorem doloremque dolores
		doloribus dolorum ducimus ea eaque earum eius eligendi enim eos error esse est et eum eveniet ex
		excepturi exercitationem expedita explicabo facere facilis fuga fugiat fugit harum hic id illo
		illum impedit in incidunt inventore ipsa ipsam ipsum iste itaque iure iusto labore laboriosam
		laborum laudantium libero magnam magni maiores maxime minima minus modi molestiae molestias mollitia
		nam natus necessitatibus nemo neque nesciunt nihil nisi nobis non nostrum nulla numquam obcaecati
		odio odit officia officiis omnis optio pariatur perferendis perspiciatis placeat porro possimus
		praesentium provident quae quaerat quam quas quasi qui quia quibusdam quidem quis quisquam quo quod
		quos ratione recusandae reiciendis rem repellat repellendus reprehenderit repudiandae rerum saepe
		sapiente sed sequi similique sint sit soluta sunt suscipit tempora tempore temporibus tenetur totam
		ullam unde ut vel velit veniam veritatis vero vitae voluptas voluptate voluptatem voluptates
		voluptatibus voluptatum`)
)

// loremRecord has the words of the data set that upstream's performance guide is
// about: the passage's beginning, then words in random order, no two alike
// until all have come.
func loremRecord(b []byte, _ int, rng *rand.Rand) ([]byte, error) {
	const words = 200
	b = append(b, strings.Join(loremBegin, " ")...)
	var order []int
	for n := len(loremBegin); n < words; n++ {
		if len(order) == 0 {
			order = rng.Perm(len(loremWords))
		}
		b = append(b, ' ')
		b = append(b, loremWords[order[0]]...)
		order = order[1:]
	}
	return b, nil
}

// smallRecord looks like a line of a log.
func smallRecord(b []byte, i int, rng *rand.Rand) ([]byte, error) {
	const size = 100
	begin := len(b)
	b = fmt.Appendf(b, "id=%08d user=%06x score=%.6f session=%016x ", i, rng.IntN(1<<24), rng.Float64(), rng.Uint64())
	for len(b)-begin < size {
		b = append(b, loremWords[rng.IntN(len(loremWords))]...)
		b = append(b, ' ')
	}
	return b[:begin+size], nil
}

func noiseRecord(b []byte, _ int, rng *rand.Rand) ([]byte, error) {
	for range 100_000 / 8 {
		b = binary.LittleEndian.AppendUint64(b, rng.Uint64())
	}
	return b, nil
}

// exampleRecord is a dark image with a bright ellipse, its label, its name and some statistics.
func exampleRecord(b []byte, i int, rng *rand.Rand) ([]byte, error) {
	const side = 28
	image := make([]byte, side*side)
	x, y := 8+12*rng.Float64(), 8+12*rng.Float64()
	rx, ry := 2+6*rng.Float64(), 2+6*rng.Float64()
	for k := range image {
		dx, dy := (float64(k%side)-x)/rx, (float64(k/side)-y)/ry
		if d := dx*dx + dy*dy; d < 1 {
			image[k] = byte(255 - 120*d - 20*rng.Float64())
		}
	}
	record, err := tfexample.Encode(map[string]*tfexample.Feature{
		"image":  tfexample.Bytes(image),
		"label":  tfexample.Ints(int64(rng.IntN(10))),
		"name":   tfexample.Strings(fmt.Sprintf("ellipses/%06d", i)),
		"center": tfexample.Floats(float32(x), float32(y)),
		"radius": tfexample.Floats(float32(rx), float32(ry)),
	})
	return append(b, record...), err
}

func tinyRecord(b []byte, i int, rng *rand.Rand) ([]byte, error) {
	return fmt.Appendf(b, "%0*d", 8+rng.IntN(33), i), nil
}

// write puts the first n records into a TFRecord file, which every peer can read.
func (d dataset) write(name string, n int) error {
	rng := rand.New(rand.NewPCG(uint64(d.full), 2026))
	var b []byte
	return writeTFRecord(name, n, func(i int) (_ []byte, err error) {
		b, err = d.record(b[:0], i, rng)
		return b, err
	})
}

// writeTFRecord makes a file of n records.
func writeTFRecord(name string, n int, record func(i int) ([]byte, error)) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	w, err := tfrecord.NewWriter(f)
	if err != nil {
		return err
	}
	for i := range n {
		b, err := record(i)
		if err != nil {
			return err
		}
		if err := w.Write(b); err != nil {
			return err
		}
	}
	return w.Close()
}

// loadRecords gives the records of a TFRecord file.
func loadRecords(name string) ([][]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := tfrecord.NewReader(f, tfrecord.WithBufferSize(1<<20))
	if err != nil {
		return nil, err
	}
	var records [][]byte
	for record, err := range r.Records() {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		records = append(records, record)
	}
	return records, nil
}

// writePermutation makes the file of random record numbers: all numbers below n
// once, in an order that depends on n alone, as little-endian 64-bit integers.
func writePermutation(name string, n int) error {
	var b []byte
	for _, i := range rand.New(rand.NewPCG(42, uint64(n))).Perm(n) {
		b = binary.LittleEndian.AppendUint64(b, uint64(i))
	}
	return os.WriteFile(name, b, 0o666)
}

// readPermutation reads a file of writePermutation.
func readPermutation(name string) ([]int, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []int
	for r := bufio.NewReader(f); ; {
		var b [8]byte
		if _, err := io.ReadFull(r, b[:]); err == io.EOF {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, int(binary.LittleEndian.Uint64(b[:])))
	}
}
