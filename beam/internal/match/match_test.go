package match

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/io/fileio"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/io/filesystem/local"
	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/prism"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/internal/beamtest"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestMain(m *testing.M) { beamtest.Main(m) }

// place makes files with the given names, i bytes long, in a new directory.
func place(t *testing.T, names ...string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	for i, name := range names {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), make([]byte, i), 0o666))
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

// files is Files without an error.
func files(t *testing.T, s beam.Scope, in Input, o Options) beam.PCollection {
	t.Helper()
	found, err := Files(s, in, o)
	require.NoError(t, err)
	return found
}

func TestFilesOfPatternsInAPipeline(t *testing.T) {
	in := place(t, "a-1", "a-2", "b", "c")
	p, s := beam.NewPipelineWithRoot()
	patterns := beam.Create(s, in("a-*"), in("c"), in("b[3:7]"), in("missing-*"))
	passert.Equals(s, files(t, s, Patterns(patterns), Options{Ranges: true, Empty: Allow}),
		File{Name: in("a-1"), Size: 0, End: -1},
		File{Name: in("a-2"), Size: 1, End: -1},
		File{Name: in("c"), Size: 3, End: -1},
		File{Name: in("b"), Size: 2, Begin: 3, End: 7})
	found := map[string]int64{}
	for _, c := range ptest.RunAndValidate(t, p).Metrics().AllMetrics().Counters() {
		found[c.Name()] = c.Result()
	}
	require.EqualValues(t, 4, found["files_found"])
	require.EqualValues(t, 0+1+3, found["bytes_found"], "what a range takes is not known")
}

func TestNothingFoundFailsThePipeline(t *testing.T) {
	failingjob.Test(t)
	in := place(t, "a")
	p, s := beam.NewPipelineWithRoot()
	files(t, s, Pattern(in("b*")), Options{Caller: "someio"})
	require.ErrorContains(t, ptest.Run(p), `someio: no file matches "`+in("b*"))
}

func TestNothingFound(t *testing.T) {
	in := place(t, "a")
	for _, pattern := range []string{in("b"), in("b*"), in("no/such/dir/*"), in("b[0:1]")} {
		_, err := Options{Ranges: true}.find(t.Context(), pattern)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, pattern)
		files, err := Options{Ranges: true, Empty: Allow}.find(t.Context(), pattern)
		require.NoError(t, err)
		require.Empty(t, files)
	}
}

func TestFileWithTheNameOfAPatternIsTakenForItself(t *testing.T) {
	in := place(t, "x[1", "x[12]", "x*", "x1", `back\slash`)
	for _, name := range []string{"x[1", "x[12]", "x*", `back\slash`} {
		files, err := Options{}.find(t.Context(), in(name))
		require.NoError(t, err)
		require.Len(t, files, 1)
		require.Equal(t, in(name), files[0].Name)
	}
	files, err := Options{}.find(t.Context(), in("x?"))
	require.NoError(t, err)
	require.Len(t, files, 2)
}

func TestRangesAreNamesWhereTheyAreNotAllowed(t *testing.T) {
	in := place(t, "x", "x[0:1]")
	files, err := Options{}.find(t.Context(), in("x[0:1]"))
	require.NoError(t, err)
	require.Equal(t, []File{{Name: in("x[0:1]"), Size: 1, End: -1}}, files)
	files, err = Options{Ranges: true}.find(t.Context(), in("x[0:1]"))
	require.NoError(t, err)
	require.Equal(t, []File{{Name: in("x"), Size: 0, Begin: 0, End: 1}}, files)
}

// A directory, or a place that cannot be reached, is not an empty match.
func TestOtherErrorsAreReported(t *testing.T) {
	_, err := Options{Empty: Allow}.find(t.Context(), t.TempDir())
	require.ErrorContains(t, err, "not a regular file")

	faults := storagetest.NewFaults()
	dir := faults.TempDir(t)
	injected := errors.New("injected")
	faults.Inject(storagetest.Fault{Op: storagetest.OpStat, Err: injected})
	_, err = Options{Empty: Allow}.find(t.Context(), dir+"/x")
	require.ErrorIs(t, err, injected)
	faults.Inject(storagetest.Fault{Op: storagetest.OpList, Err: injected})
	_, err = Options{Empty: Allow}.find(t.Context(), dir+"/*")
	require.ErrorIs(t, err, injected)
}

func TestCheck(t *testing.T) {
	o := Options{Caller: "someio", Ranges: true}
	require.NoError(t, o.Check("no/such/file-*"))
	require.EqualError(t, o.Check(""), "someio: no file pattern given")
	require.ErrorIs(t, o.Check("nowhere://x"), errors.ErrUnsupported)
	require.EqualError(t, o.Check("x[2:1]"), "someio: x[2:1]: the range ends before it begins")
	require.NoError(t, Options{}.Check("x[2:1]"))
	require.NoError(t, o.Check("x[1[0:5]"), "a range is behind a name, which is no pattern")
	for _, malformed := range []string{"x[1", "dir-[a/x", `x\`} {
		require.ErrorIs(t, o.Check(malformed), path.ErrBadPattern, malformed)
		require.ErrorContains(t, o.Check(malformed), "someio: "+malformed)
	}
}

func TestEmptyMatchPolicies(t *testing.T) {
	in := place(t, "a")
	for _, test := range []struct {
		empty                 Empty
		names, wildcardsAllow bool
	}{{Disallow, false, false}, {Allow, true, true}, {AllowIfWildcard, false, true}} {
		for _, pattern := range []string{in("b"), in("b[0:1]")} {
			_, err := Options{Ranges: true, Empty: test.empty}.find(t.Context(), pattern)
			require.Equal(t, test.names, err == nil, pattern)
		}
		for _, pattern := range []string{in("b*"), in("b?"), in("[bc]"), in("**/x")} {
			_, err := Options{Empty: test.empty}.find(t.Context(), pattern)
			require.Equal(t, test.wildcardsAllow, err == nil, pattern)
		}
	}
	_, s := beam.NewPipelineWithRoot()
	for _, empty := range []Empty{3, -1} {
		for _, in := range []Input{Pattern("x"), Patterns(beam.Create(s, "x")), Matched(beam.PCollection{})} {
			_, err := Files(s, in, Options{Empty: empty})
			require.ErrorContains(t, err, fmt.Sprintf("policy %d", empty))
		}
	}
}

func metadataOf(f fileio.ReadableFile) fileio.FileMetadata { return f.Metadata }

func zeroSize(m fileio.FileMetadata) fileio.FileMetadata {
	m.Size = 0
	return m
}

func init() {
	beam.RegisterFunction(metadataOf)
	beam.RegisterFunction(zeroSize)
}

func TestFilesThatFileioHasFound(t *testing.T) {
	in := place(t, "a-0", "a-1", "b", "c[0:1]")
	want := []any{File{Name: in("a-0"), Size: 0, End: -1}, File{Name: in("a-1"), Size: 1, End: -1}}
	p, s := beam.NewPipelineWithRoot()
	found := fileio.MatchFiles(s, in("a-*"))
	readable := fileio.ReadMatches(s, found)
	options := Options{Caller: "someio"}
	for _, matched := range []beam.PCollection{found, readable, beam.ParDo(s, metadataOf, readable), beam.ParDo(s, zeroSize, found)} {
		passert.Equals(s, files(t, s, Matched(matched), options), want...)
	}
	// A name is a name, whatever is in it.
	passert.Equals(s, files(t, s, Matched(fileio.MatchFiles(s, in("c*"))), options), File{Name: in("c[0:1]"), Size: 3, End: -1})
	ptest.RunAndValidate(t, p)

	_, err := Files(s, Matched(beam.Create(s, "x")), options)
	require.EqualError(t, err, "someio: the files are a PCollection of string, not of fileio.FileMetadata or fileio.ReadableFile")
	_, err = Files(s, Matched(beam.PCollection{}), options)
	require.ErrorContains(t, err, "invalid PCollection")
}

func TestFileThatHasGone(t *testing.T) {
	in := place(t, "a")
	f := &matchedFn{Caller: "someio"}
	f.Setup()
	err := f.ProcessElement(t.Context(), fileio.FileMetadata{Path: in("b")}, nil)
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.ErrorContains(t, err, "someio: ")
}
