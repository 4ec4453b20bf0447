// Command training is a training job in small: it learns to tell the digits of testdata apart, reading
// shuffled records, and goes on from its checkpoint after it was stopped or killed as if nothing had
// happened. README.md beside it is its page.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"math"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

type settings struct {
	data, checkpoint    string
	steps, batch, every int
	seed                uint
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("training: ")
	var s settings
	flag.StringVar(&s.data, "data", "testdata/digits-default.arrayrecord", "files, a path or pattern")
	flag.StringVar(&s.checkpoint, "checkpoint", "", "`file` to go on from, and to write")
	flag.IntVar(&s.steps, "steps", 200, "steps of training, those of the checkpoint included")
	flag.IntVar(&s.batch, "batch", 20, "records in a step")
	flag.IntVar(&s.every, "every", 50, "steps between checkpoints")
	flag.UintVar(&s.seed, "seed", 1, "of the order of the records")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := train(ctx, s, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

const (
	pixels = 64
	digits = 10
)

// A checkpoint is all that a job needs to go on.
type checkpoint struct {
	Step    int                     `json:"step"`
	Weights [digits][pixels]float64 `json:"weights"`
	Loader  arrayrecord.LoaderState `json:"loader"`
}

func train(ctx context.Context, s settings, out io.Writer) error {
	source, err := arrayrecord.OpenDataSource(ctx, []string{s.data})
	if err != nil {
		return err
	}
	defer source.Close()
	sampler, err := arrayrecord.NewSampler(source.NumRecords(), arrayrecord.SamplerOptions{Shuffle: true, Seed: uint32(s.seed)})
	if err != nil {
		return err
	}
	loader, err := arrayrecord.NewLoader(ctx, source, sampler, s.batch)
	if err != nil {
		return err
	}
	defer loader.Close()

	var job checkpoint
	if err := job.load(s.checkpoint); err != nil {
		return err
	}
	if job.Step > 0 {
		// Refuses another data set, seed or number of records.
		if err := loader.Restore(job.Loader); err != nil {
			return err
		}
		fmt.Fprintf(out, "going on after step %d\n", job.Step)
	}
	for job.Step < s.steps {
		right := 0
		for range s.batch {
			sample, err := loader.Next(ctx)
			if err != nil {
				return err
			}
			image, label, err := decode(sample.Record)
			if err != nil {
				return fmt.Errorf("record %d: %w", sample.Key, err)
			}
			if job.learn(image, label) {
				right++
			}
		}
		job.Step++
		if job.Step%s.every == 0 || job.Step == s.steps {
			job.Loader = loader.State()
			if err := job.save(s.checkpoint); err != nil {
				return err
			}
			fmt.Fprintf(out, "step %d: %d of %d right\n", job.Step, right, s.batch)
		}
	}
	return nil
}

func decode(record []byte) (image []byte, label int64, err error) {
	example, err := tfexample.Decode(record)
	if err != nil {
		return nil, 0, err
	}
	if image, err = tfexample.Value[[]byte](example, "image"); err != nil {
		return nil, 0, err
	}
	if label, err = tfexample.Value[int64](example, "label"); err != nil {
		return nil, 0, err
	}
	if len(image) != pixels || label < 0 || label >= digits {
		return nil, 0, fmt.Errorf("%d pixels, label %d", len(image), label)
	}
	return image, label, nil
}

// learn takes one step of softmax regression, and tells whether the guess before it was right.
func (c *checkpoint) learn(image []byte, label int64) bool {
	var score [digits]float64
	best := 0
	for d := range score {
		for i, v := range image {
			score[d] += c.Weights[d][i] * float64(v) / 16
		}
		if score[d] > score[best] {
			best = d
		}
	}
	total := 0.0
	top := score[best]
	for d := range score {
		score[d] = math.Exp(score[d] - top)
		total += score[d]
	}
	for d := range score {
		step := score[d] / total
		if int64(d) == label {
			step--
		}
		for i, v := range image {
			c.Weights[d][i] -= 0.1 * step * float64(v) / 16
		}
	}
	return int64(best) == label
}

// load leaves a new job as it is.
func (c *checkpoint) load(name string) error {
	if name == "" {
		return nil
	}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if err := json.Unmarshal(data, c); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// save replaces the file in one step: whoever is killed meanwhile has the one before.
func (c *checkpoint) save(name string) error {
	if name == "" {
		return nil
	}
	data, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
