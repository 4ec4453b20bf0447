package pipelines

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/direct"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/match"
	"github.com/arrayrecord/arrayrecord-go/beam/internal/tfds"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func init() {
	direct.Register3x1((*describeShardFn).ProcessElement)
	direct.Register4x1((*describeDatasetFn).ProcessElement)
	beam.RegisterType(reflect.TypeFor[describedShard]())
	register.Emitter2[int, describedShard]()
	register.Iter1[describedShard]()
}

// TFDS is a place for a dataset as TensorFlow Datasets has it:
//
//	DIRECTORY/NAME/VERSION/NAME-SPLIT.array_record-00000-of-00008
//	DIRECTORY/NAME/VERSION/dataset_info.json, features.json
//
// so that tfds.load(NAME, data_dir=DIRECTORY) and tfds.data_source find it, and
// tfds.builder_from_directory with the directory of the version. NewTFDS gives
// one with defaults.
//
// Shards are written by another pipeline, with [TFDS.Prefix] and no suffix. The
// pipeline of TFDS then writes the two JSON files that describe the shards of all
// splits that are there. Records must be tf.Examples. A feature with one value in
// all of them is a scalar, one with the same number in all of them a vector of that
// length; others may have any length.
type TFDS struct {
	Directory     string
	Name, Version string
	Split         string
}

// NewTFDS returns the split "train" of version 1.0.0.
func NewTFDS(directory, name string) *TFDS {
	return &TFDS{Directory: directory, Name: name, Version: "1.0.0", Split: "train"}
}

// Prefix is what the names of the split's shards begin with. The error matches
// ErrInvalidArgument.
func (d *TFDS) Prefix() (string, error) {
	if err := d.check(); err != nil {
		return "", err
	}
	return storage.Join(d.dir(), tfds.FileName(d.Name, d.Split)), nil
}

func (d *TFDS) dir() string {
	return storage.Join(strings.TrimRight(d.Directory, "/"), d.Name, d.Version)
}

func (d *TFDS) check() error {
	if d.Directory == "" {
		return invalidArgument{errors.New("no directory for datasets given")}
	}
	if err := tfds.CheckNames(d.Name, d.Version, d.Split); err != nil {
		return invalidArgument{err}
	}
	return nil
}

// AddFlags implements Pipeline.
func (d *TFDS) AddFlags(flags *flag.FlagSet) {
	flags.StringVar(&d.Directory, "output", d.Directory, "`directory` of datasets")
	flags.StringVar(&d.Name, "tfds", d.Name, "`name` of the dataset")
	flags.StringVar(&d.Split, "tfds_split", d.Split, "`name` of the split")
	flags.StringVar(&d.Version, "tfds_version", d.Version, "`version` of the dataset")
}

// job describes the shards that are there. It must not be part of a pipeline that
// writes shards of the dataset.
func (d *TFDS) job() (job, error) {
	if err := d.check(); err != nil {
		return job{}, err
	}
	options := match.Options{Caller: "describing a dataset"}
	shards := storage.Join(escapePattern(d.dir()), tfds.FileName(d.Name, "*")+"-*-of-*")
	build := func(s beam.Scope, _ job) (w written, err error) {
		files, err := match.Files(s, match.Pattern(shards), options)
		if err != nil {
			return w, err
		}
		described := beam.ParDo(s, &describeShardFn{Name: d.Name}, files)
		w.files = beam.ParDo(s, &describeDatasetFn{Dir: d.dir(), Name: d.Name, Version: d.Version}, beam.GroupByKey(s, described))
		return w, nil
	}
	return job{scope: "TFDS", place: d.Directory, build: build}, options.Check(shards)
}

// Dataset makes the shards of a pipeline those of a dataset.
type Dataset struct {
	// TFDS is the name of the dataset; "" makes none. Then Output is the directory
	// of datasets, Suffix is not used, and [Run] runs a second job that describes
	// the dataset; Build does not.
	TFDS string
	// TFDSSplit and TFDSVersion say which split of it is written; see TFDS.
	TFDSSplit, TFDSVersion string
}

func newDataset() Dataset {
	d := NewTFDS("", "")
	return Dataset{TFDSSplit: d.Split, TFDSVersion: d.Version}
}

func (d *Dataset) addFlags(flags *flag.FlagSet) {
	flags.StringVar(&d.TFDS, "tfds", d.TFDS, "make a dataset of this `name` for TensorFlow Datasets")
	flags.StringVar(&d.TFDSSplit, "tfds_split", d.TFDSSplit, "`name` of the split that --tfds makes")
	flags.StringVar(&d.TFDSVersion, "tfds_version", d.TFDSVersion, "`version` of the dataset that --tfds makes")
}

// apply changes the names of the shards to those of the dataset, if there is one.
func (d Dataset) apply(names ShardNames) (ShardNames, *TFDS, error) {
	if d.TFDS == "" {
		return names, nil, nil
	}
	described := &TFDS{Directory: names.Output, Name: d.TFDS, Version: d.TFDSVersion, Split: d.TFDSSplit}
	prefix, err := described.Prefix()
	names.Output, names.Suffix = prefix, ""
	return names, described, err
}

func escapePattern(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// describedShard is what is known about a shard.
type describedShard struct {
	Shard    tfds.Shard
	Features string // as JSON
}

// describeShardFn reads a shard.
type describeShardFn struct {
	Name string

	read counters.Set
}

// Setup makes the counters, which do not travel.
func (f *describeShardFn) Setup() { f.read = counters.Read() }

// ProcessElement reads all records: one of them may have another feature.
func (f *describeShardFn) ProcessElement(ctx context.Context, file match.File, emit func(int, describedShard)) error {
	begun := time.Now()
	shard, err := f.describe(ctx, file)
	if err != nil {
		return fmt.Errorf("describing %s: %w", file.Name, err)
	}
	f.read.Add(ctx, 1, shard.Shard.Records, file.Size)
	f.read.FileTime(ctx, begun)
	emit(0, shard)
	return nil
}

func (f *describeShardFn) describe(ctx context.Context, file match.File) (shard describedShard, err error) {
	_, base := storage.Split(file.Name)
	at := strings.LastIndex(base, "."+tfds.FileFormat)
	split := strings.TrimPrefix(base[:at], f.Name+"-")
	number, of, ok := tfds.ParseShardNumber(base[at+len("."+tfds.FileFormat):])
	if !ok {
		return shard, errors.New("this is not the name of a shard")
	}
	shard.Shard = tfds.Shard{Split: split, Shard: number, Shards: of}
	r, err := arrayrecord.Open(ctx, file.Name)
	if err != nil {
		return shard, err
	}
	defer r.Close()
	var features tfds.Features
	for record, err := range r.Scan(ctx, 0, r.NumRecords()) {
		if err == nil {
			err = features.Add(record)
		}
		if err != nil {
			return shard, fmt.Errorf("record %d: %w", shard.Shard.Records, err)
		}
		f.read.RecordSize(ctx, len(record))
		shard.Shard.Records++
		shard.Shard.Bytes += int64(len(record))
	}
	text, err := json.Marshal(features)
	shard.Features = string(text)
	return shard, err
}

// describeDatasetFn writes the JSON files.
type describeDatasetFn struct {
	Dir, Name, Version string

	written counters.Set
}

// Setup makes the counters, which do not travel.
func (f *describeDatasetFn) Setup() { f.written = counters.Written() }

// ProcessElement is called with all shards. dataset_info.json comes last: without
// it, TensorFlow Datasets sees no dataset.
func (f *describeDatasetFn) ProcessElement(ctx context.Context, _ int, next func(*describedShard) bool, emit func(string)) error {
	var shards []tfds.Shard
	var features tfds.Features
	for shard := (describedShard{}); next(&shard); {
		var some tfds.Features
		if err := json.Unmarshal([]byte(shard.Features), &some); err != nil {
			return fmt.Errorf("describing a dataset: %w", err)
		}
		if err := features.Merge(some); err != nil {
			return fmt.Errorf("describing a dataset: %w", err)
		}
		shards = append(shards, shard.Shard)
	}
	info, err := tfds.InfoJSON(f.Name, f.Version, shards)
	if err != nil {
		return fmt.Errorf("describing a dataset: %w", err)
	}
	featuresText, err := features.JSON()
	if err != nil {
		return fmt.Errorf("describing a dataset: %w", err)
	}
	for _, file := range []struct {
		name string
		text []byte
	}{{"features.json", featuresText}, {"dataset_info.json", info}} {
		name := storage.Join(f.Dir, file.name)
		if err := writeFile(ctx, name, file.text); err != nil {
			return fmt.Errorf("describing a dataset: %w", err)
		}
		f.written.Add(ctx, 1, 0, int64(len(file.text)))
		emit(name)
	}
	return nil
}

func writeFile(ctx context.Context, name string, text []byte) error {
	out, err := storage.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}
