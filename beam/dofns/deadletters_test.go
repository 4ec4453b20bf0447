package dofns

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/passert"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/teststream"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestDeadLettersOfAllKindsAreLinesOfOneFile(t *testing.T) {
	for _, dir := range places(t) {
		var first string
		for range 2 { // a second time replaces the file
			p, s := beam.NewPipelineWithRoot()
			names := WriteDeadLetters(s, dir+"/failed.jsonl",
				beam.Create(s, DeadLetter{Element: "b", Output: "o", Error: "two\nlines"}, DeadLetter{Element: "a", Error: "<é>"}),
				beam.Create(s, otherFailure{File: "c", Error: "x"}),
				beam.CreateList(s, []otherFailure{}))
			passert.Equals(s, names, dir+"/failed.jsonl")
			ptest.RunAndValidate(t, p)
			first = string(storagetest.Get(t, dir+"/failed.jsonl"))
			require.Equal(t, `{"File":"c","Error":"x"}
{"element":"a","error":"\u003cé\u003e"}
{"element":"b","output":"o","error":"two\nlines"}
`, first)
			requireFiles(t, dir, "failed.jsonl")
		}
	}
}

func TestWithoutDeadLettersThereIsNoFile(t *testing.T) {
	for _, dir := range places(t) {
		p, s := beam.NewPipelineWithRoot()
		passert.Empty(s, WriteDeadLetters(s, dir+"/failed.jsonl", beam.CreateList(s, []DeadLetter{})))
		ptest.RunAndValidate(t, p)
		requireFiles(t, dir)
	}
}

func TestDeadLettersThatCannotBeWrittenFail(t *testing.T) {
	failingjob.Test(t)
	for _, op := range []storagetest.Op{storagetest.OpCreate, storagetest.OpWrite, storagetest.OpCommit} {
		faults := storagetest.NewFaults()
		dir := faults.TempDir(t)
		faults.Inject(storagetest.Fault{Op: op, Err: errors.New("injected")})
		p, s := beam.NewPipelineWithRoot()
		WriteDeadLetters(s, dir+"/failed", beam.Create(s, DeadLetter{Element: "x"}))
		require.ErrorContains(t, ptest.Run(p), "dofns: dead letters: ")
		requireFiles(t, dir)
	}
}

func TestWrongDeadLettersAreNoticedAtConstruction(t *testing.T) {
	_, s := beam.NewPipelineWithRoot()
	letters := beam.Create(s, DeadLetter{})
	name := filepath.Join(t.TempDir(), "x")
	_, err := TryWriteDeadLetters(s, "dir/", letters)
	require.ErrorContains(t, err, `"dir/" is not the name of a file`)
	_, err = TryWriteDeadLetters(s, "nowhere://b/x", letters)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	_, err = TryWriteDeadLetters(s, name)
	require.ErrorContains(t, err, "no PCollection")
	_, err = TryWriteDeadLetters(s, name, letters, beam.PCollection{})
	require.ErrorContains(t, err, "invalid PCollection")
	_, err = TryWriteDeadLetters(s, name, pairs(s, "a", "b"))
	require.ErrorContains(t, err, "has no JSON")
	stream := teststream.NewConfig()
	require.NoError(t, stream.AddElements(1, "a"))
	_, err = TryWriteDeadLetters(s, name, letters, teststream.Create(s, stream))
	require.ErrorContains(t, err, "unbounded")
}
