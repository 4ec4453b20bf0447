package main

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/testing/ptest"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/tfexample"
)

func TestMain(m *testing.M) { ptest.Main(m) }

func TestPipeline(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	out := filepath.Join(t.TempDir(), "train")
	if err := run(context.Background(), "../../testdata/digits-default.arrayrecord", out, 0.3, 2); err != nil {
		t.Fatal(err)
	}
	d, err := arrayrecord.OpenDataSource(t.Context(), []string{out + "-*-of-00002.arrayrecord"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if n := d.NumRecords(); n == 0 || n >= 200 {
		t.Fatalf("%d of 200 records kept", n)
	}
	for example, err := range arrayrecord.Decode(d.Scan(t.Context(), 0, d.NumRecords()), tfexample.Decode) {
		if err != nil {
			t.Fatal(err)
		}
		mean, err := tfexample.Value[float32](example, "mean")
		if err != nil || mean > 0.3*16 {
			t.Fatal(mean, err)
		}
	}
}
