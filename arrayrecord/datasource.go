package arrayrecord

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/arrayrecord/arrayrecord-go/internal/recordpath"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A FileInstruction says which records of a file belong to a data source.
type FileInstruction struct {
	Name string `json:"name"`
	Skip int    `json:"skip,omitempty"` // records left out at the beginning
	Take int    `json:"take"`           // records after those; -1 for all
}

// DataSource makes one sequence of the records of many files, numbered from 0 in the order of the
// files. It is safe for concurrent use, and reads as a Reader does: what the one can, the other can.
//
// Files are opened when a record of theirs is first needed, and kept open up to a number (see
// [WithMaxOpenFiles]).
type DataSource struct {
	files      *dataFiles
	begin, end int // in the numbering of files; a slice has others than the whole
	isSlice    bool
}

// dataFiles is what a data source and its slices share.
type dataFiles struct {
	instructions []FileInstruction // with Take known
	starts       []int             // number of the first record of each file, and the end
	options      dataSourceOptions
	cache        *fileCache
	ahead        readahead
	warn         sync.Once
}

type dataSourceOptions struct {
	reader      []ReaderOption
	maxOpen     int
	parallelism int
	logger      *slog.Logger
}

// A DataSourceOption sets options of a data source.
type DataSourceOption func(*dataSourceOptions)

// WithReaderOptionsForFiles opens the files with these reader options.
func WithReaderOptionsForFiles(opts ...ReaderOption) DataSourceOption {
	return func(o *dataSourceOptions) { o.reader = opts }
}

// WithMaxOpenFiles bounds the number of files that are open at once; 256 by default. Reads that
// need more wait.
func WithMaxOpenFiles(n int) DataSourceOption {
	return func(o *dataSourceOptions) { o.maxOpen = n }
}

// WithParallelFiles bounds the number of goroutines, each of which works on one file, of one call;
// by default four times the number of processors, and at least 16: most of them may be waiting for
// storage.
func WithParallelFiles(n int) DataSourceOption {
	return func(o *dataSourceOptions) { o.parallelism = n }
}

// WithLogger takes the warnings of the data source; slog.Default() by default.
func WithLogger(l *slog.Logger) DataSourceOption {
	return func(o *dataSourceOptions) { o.logger = l }
}

// OpenDataSource opens the files that paths name, in the order given. Each is one of
//
//	train.arrayrecord            a file
//	train.arrayrecord[100:200]   its records 100 up to but without 200
//	train-*.arrayrecord          all files that match, sorted by name; see storage.System
//
// and may be a URL of a registered storage scheme; different places can be mixed. A file that has
// the name of a pattern is taken for itself.
//
// Files are opened, in parallel, to learn how many records they have.
// Errors match fs.ErrNotExist if a file is missing or nothing matches a pattern, ErrOutOfRange if a
// range is not within the file, and otherwise are those of [Open].
func OpenDataSource(ctx context.Context, paths []string, opts ...DataSourceOption) (*DataSource, error) {
	var files []FileInstruction
	for _, path := range paths {
		more, err := expandPath(ctx, path)
		if err != nil {
			return nil, err
		}
		files = append(files, more...)
	}
	return openDataSource(ctx, files, true, opts)
}

// OpenDataSourceFiles opens the files of the instructions. Those with a Take of -1 are opened now,
// in parallel; of the others nothing is looked at before it is needed. Errors are those of
// OpenDataSource.
func OpenDataSourceFiles(ctx context.Context, files []FileInstruction, opts ...DataSourceOption) (*DataSource, error) {
	return openDataSource(ctx, files, false, opts)
}

// openDataSource looks at all files with check, else only at those whose records must be counted.
func openDataSource(ctx context.Context, files []FileInstruction, check bool, opts []DataSourceOption) (*DataSource, error) {
	o := dataSourceOptions{maxOpen: 256, parallelism: max(16, 4*runtime.GOMAXPROCS(0)), logger: slog.Default()}
	for _, opt := range opts {
		opt(&o)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: a data source needs at least one file", ErrInvalidOption)
	}
	if o.maxOpen < 1 || o.parallelism < 1 {
		return nil, fmt.Errorf("%w: open files %d, parallel files %d", ErrInvalidOption, o.maxOpen, o.parallelism)
	}
	options, err := applyReaderOptions(o.reader)
	if err != nil {
		return nil, err
	}
	options = options.WithDefaults()
	s := &dataFiles{instructions: slices.Clone(files), options: o}
	s.ahead = readahead{threads: options.threads(), off: options.NoReadahead, memory: int(options.ReadaheadMemory)}
	for _, f := range files {
		s.ahead.remote = s.ahead.remote || strings.Contains(f.Name, "://")
		if f.Skip < 0 || f.Take < -1 {
			return nil, wrap(ErrOutOfRange, f.Name, fmt.Sprintf("skip %d, take %d", f.Skip, f.Take))
		}
	}
	s.cache = newFileCache(o.maxOpen, len(files), s.openFile)
	if err := s.count(ctx, check); err != nil {
		s.cache.close()
		return nil, err
	}
	s.starts = make([]int, len(files)+1)
	for i, f := range s.instructions {
		s.starts[i+1] = s.starts[i] + f.Take
	}
	return &DataSource{files: s, end: s.starts[len(files)]}, nil
}

// expandPath gives the files that one path of OpenDataSource stands for.
func expandPath(ctx context.Context, path string) ([]FileInstruction, error) {
	parsed, err := recordpath.Parse(path)
	if err != nil {
		return nil, wrap(ErrOutOfRange, "", err.Error())
	}
	if parsed.End >= 0 {
		return []FileInstruction{{Name: parsed.Name, Skip: parsed.Begin, Take: parsed.End - parsed.Begin}}, nil
	}
	if !strings.ContainsAny(path, `*?[`) {
		return []FileInstruction{{Name: path, Take: -1}}, nil
	}
	if _, err := storage.Stat(ctx, path); err == nil {
		return []FileInstruction{{Name: path, Take: -1}}, nil
	}
	found, err := storage.List(ctx, path)
	if err != nil {
		return nil, storageError(err)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("arrayrecord: %w", &fs.PathError{Op: "no file matches", Path: path, Err: fs.ErrNotExist})
	}
	files := make([]FileInstruction, len(found))
	for i, info := range found {
		files[i] = FileInstruction{Name: info.Name, Take: -1}
	}
	return files, nil
}

// count finds the number of records where instructions leave it open; with check it looks at the
// other files too.
func (s *dataFiles) count(ctx context.Context, check bool) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(s.options.parallelism)
	for i := range s.instructions {
		f := &s.instructions[i]
		if f.Take >= 0 && !check {
			continue
		}
		g.Go(func() error {
			r, err := s.cache.acquire(ctx, i)
			if err != nil {
				return err
			}
			defer s.cache.release(i)
			if f.Skip > r.NumRecords() {
				return wrap(ErrOutOfRange, f.Name, fmt.Sprintf("skip %d of %d records", f.Skip, r.NumRecords()))
			}
			if f.Take < 0 {
				f.Take = r.NumRecords() - f.Skip
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *dataFiles) openFile(ctx context.Context, i int) (*Reader, error) {
	f := s.instructions[i]
	r, err := Open(ctx, f.Name, s.options.reader...)
	if err != nil {
		return nil, err
	}
	if f.Take >= 0 && (f.Skip > r.NumRecords() || f.Take > r.NumRecords()-f.Skip) {
		r.Close()
		return nil, wrap(ErrOutOfRange, f.Name, fmt.Sprintf("records [%d, %d) of %d", f.Skip, f.Skip+f.Take, r.NumRecords()))
	}
	if r.RecordGroupSize() > 1 {
		s.warn.Do(func() {
			s.options.logger.Warn("records of this data source are compressed in groups; random access decompresses a whole group for each record",
				"file", f.Name, "group_size", r.RecordGroupSize())
		})
	}
	return r, nil
}

// fileOf is the file that holds record i of all files.
func (s *dataFiles) fileOf(i int) int {
	n, found := slices.BinarySearch(s.starts, i)
	if !found {
		return n - 1
	}
	// Files without records begin where the next one does.
	for s.starts[n+1] == i {
		n++
	}
	return n
}

// NumRecords is the number of records.
func (d *DataSource) NumRecords() int { return d.end - d.begin }

// Slice is the part [begin, end) of the data source, numbered from 0. It shares the files with d:
// nothing is copied, closing d closes it, closing the slice does nothing. Errors match
// ErrOutOfRange.
func (d *DataSource) Slice(begin, end int) (*DataSource, error) {
	if begin < 0 || begin > end || end > d.NumRecords() {
		return nil, d.rangeError(begin, end)
	}
	return &DataSource{files: d.files, begin: d.begin + begin, end: d.begin + end, isSlice: true}, nil
}

// Files says which records of which files the data source has. Given to OpenDataSourceFiles, in
// this process or, as JSON for example, in another, they make an equal data source, without
// anything being counted again.
func (d *DataSource) Files() []FileInstruction {
	var files []FileInstruction
	for i, f := range d.files.instructions {
		begin, end := max(d.begin, d.files.starts[i]), min(d.end, d.files.starts[i+1])
		if begin >= end {
			continue
		}
		files = append(files, FileInstruction{Name: f.Name, Skip: f.Skip + begin - d.files.starts[i], Take: end - begin})
	}
	if files == nil { // an empty data source must have a file all the same
		files = []FileInstruction{{Name: d.files.instructions[0].Name}}
	}
	return files
}

// String describes the data source by a hash over its file names and ranges, for lists of files
// are long. Equal data sources have equal descriptions, in all processes.
func (d *DataSource) String() string {
	h := sha1.New()
	for _, f := range d.Files() {
		fmt.Fprintf(h, "%s[%d:%d]\n", f.Name, f.Skip, f.Skip+f.Take)
	}
	return fmt.Sprintf("arrayrecord.DataSource(records=%d, hash_of_files=%s)", d.NumRecords(), hex.EncodeToString(h.Sum(nil)))
}

// Close closes all files. Calls under way end with ErrClosed or finish, and Close returns when they
// have; later calls give ErrClosed. Closing again does nothing. The error is always nil.
func (d *DataSource) Close() error {
	if !d.isSlice {
		d.files.cache.close()
	}
	return nil
}

func (d *DataSource) check(i int) error {
	if i < 0 || i >= d.NumRecords() {
		return fmt.Errorf("%w: record %d of %d", ErrOutOfRange, i, d.NumRecords())
	}
	return nil
}
