package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// numParts is the number of files of a data source.
const numParts = 16

// An operation of the report is an operation of the protocol with its parameters.
type operation struct {
	name    string
	about   string
	op      string
	batch   int // records per call; -1 for all
	threads int
	reuse   bool // into the same memory each time
	// once says that it is measured with group size 1 only.
	once bool
}

var operations = []operation{
	{name: "write", about: "write a file, from records in memory", op: opWrite},
	{name: "sequential", about: "read all records one after another", op: opSequential},
	{name: "scan", about: "the same, into memory that is used again", op: opSequential, reuse: true},
	{name: "read_all", about: "read all records in one call", op: opReadAll},
	{name: "batch_all", about: "read all records in one call, in random order", op: opBatch, batch: -1},
	{name: "refill_all", about: "the same, into memory that is used again", op: opBatch, batch: -1, reuse: true},
	{name: "batch_1024", about: "read 1,024 random records per call", op: opBatch, batch: 1024},
	{name: "refill_1024", about: "the same, into memory that is used again", op: opBatch, batch: 1024, reuse: true},
	{name: "batch_32", about: "read 32 random records per call", op: opBatch, batch: 32},
	{name: "get", about: "read one random record per call", op: opGet, threads: 1},
	{name: "append", about: "the same, into memory that is used again", op: opGet, threads: 1, reuse: true},
	{name: "get_2", about: "read one random record per call, from two threads", op: opGet, threads: 2},
	{name: "append_2", about: "the same, into memory that is used again", op: opGet, threads: 2, reuse: true},
	{name: "open", about: "open a file", op: opOpen},
	{name: "source_1024", about: "read 1,024 random records of 16 files per call", op: opSource, batch: 1024, once: true},
	{name: "loader", about: "read in shuffled order with readahead, as for training, from 16 files", op: opLoader, batch: loaderBatch, once: true},
	{name: "convert", about: "make an ArrayRecord file of an uncompressed TFRecord file", op: opConvert, once: true},
}

func operationNames() []string {
	var names []string
	for _, o := range operations {
		names = append(names, o.name)
	}
	return names
}

// An experiment is an operation on a file.
type experiment struct {
	Dataset    string `json:"dataset"`
	NumRecords int    `json:"num_records"` // of the data set
	Group      int    `json:"group"`
	Codec      string `json:"codec"`
	Operation  string `json:"operation"` // name of operation

	operation operation
}

func (e *experiment) String() string {
	return fmt.Sprintf("%s, group_size:%d,%s, %s", e.Dataset, e.Group, e.Codec, e.Operation)
}

// directory for the files of the experiment's group size and codec.
func (e *experiment) directory() string {
	return fmt.Sprintf("g%d-%s", e.Group, strings.ReplaceAll(e.Codec, ":", ""))
}

// options of the writer.
func (e *experiment) options() string {
	return fmt.Sprintf("group_size:%d,%s", e.Group, e.Codec)
}

var (
	allCodecs = []string{"zstd:3", "brotli:3", "snappy", "uncompressed"}
	allGroups = []int{1, 256}
)

// A share is how much of a data set a run looks at.
type share struct {
	records    int
	codecs     []string
	groups     []int
	operations []string
}

// A size says how much a run does.
type size struct {
	name   string
	repeat int
	// long is how long each peer works in each repetition, at least about.
	long   time.Duration
	shares map[string]share
}

var sizes = []size{
	// All operations of all peers, but few of their combinations with data sets.
	{"tiny", 2, 2 * time.Millisecond, shares(map[string]share{
		"lorem":    {records: 2048, codecs: []string{"zstd:3", "uncompressed"}},
		"small":    {records: 5000, codecs: []string{"snappy"}},
		"jpeg":     {records: 64, codecs: []string{"brotli:3"}},
		"examples": {records: 1000, codecs: []string{"zstd:3"}},
		"tiny":     {records: 10_000},
	})},
	{"small", 5, 50 * time.Millisecond, shares(map[string]share{
		"lorem": {records: 16_384}, "small": {records: 100_000}, "jpeg": {records: 500}, "examples": {records: 10_000},
		"tiny": {records: 1_000_000},
	})},
	// What full has of its first data set, and some of the others, in a quarter of an hour.
	{"medium", 5, 30 * time.Millisecond, shares(map[string]share{
		"small": {
			codecs: []string{"zstd:3"}, groups: []int{1},
			operations: []string{"sequential", "scan", "batch_1024", "refill_1024", "get", "append", "get_2", "append_2", "open"},
		},
		"jpeg": {
			records: 1000, codecs: []string{"uncompressed"}, groups: []int{1},
			operations: []string{"write", "sequential", "scan", "read_all", "batch_32", "get", "append"},
		},
		"examples": {codecs: []string{"zstd:3"}},
	})},
	{"full", 7, 250 * time.Millisecond, shares(nil)},
}

// shares completes the shares of the data sets: all of what is not said.
func shares(said map[string]share) map[string]share {
	out := make(map[string]share)
	for _, d := range datasets {
		all := share{records: d.full, codecs: allCodecs, groups: allGroups, operations: operationNames()}
		if d.name == "tiny" {
			all.codecs, all.groups, all.operations = []string{"uncompressed"}, []int{1}, []string{"open"}
		}
		s := said[d.name]
		if s.records == 0 {
			s.records = all.records
		}
		if s.codecs == nil {
			s.codecs = all.codecs
		}
		if s.groups == nil {
			s.groups = all.groups
		}
		if s.operations == nil {
			s.operations = all.operations
		}
		out[d.name] = s
	}
	return out
}

func sizeNames() []string {
	var names []string
	for _, s := range sizes {
		names = append(names, s.name)
	}
	return names
}

func findSize(name string) (size, error) {
	i := slices.Index(sizeNames(), name)
	if i < 0 {
		return size{}, fmt.Errorf("no size is called %q; there are %s", name, strings.Join(sizeNames(), ", "))
	}
	return sizes[i], nil
}

// experiments lists those of one data set, files first: all operations of a
// file follow each other. The filters are lists of what is wanted.
func (s share) experiments(dataset string, codecs []string, groups []int, names []string) []*experiment {
	var out []*experiment
	for _, codec := range s.codecs {
		for _, group := range s.groups {
			for _, o := range operations {
				if !slices.Contains(s.operations, o.name) || !slices.Contains(names, o.name) ||
					!slices.Contains(codecs, codec) || !slices.Contains(groups, group) || o.once && group != 1 {
					continue
				}
				if o.batch == -1 || o.batch > s.records {
					o.batch = s.records
				}
				out = append(out, &experiment{
					Dataset: dataset, NumRecords: s.records, Group: group, Codec: codec, Operation: o.name, operation: o,
				})
			}
		}
	}
	return out
}
