package convert

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// BenchmarkConvert converts 64 MiB of records of 16 KiB that compress a little.
func BenchmarkConvert(b *testing.B) {
	random := rand.NewChaCha8([32]byte{1})
	records := make([][]byte, 4<<10)
	for i := range records {
		records[i] = make([]byte, 16<<10)
		_, _ = random.Read(records[i][:12<<10])
	}
	dir := b.TempDir()
	tf, out := filepath.Join(dir, "in.tfrecord"), filepath.Join(dir, "out")
	storagetest.Put(b, tf, encode(b, records))
	for _, options := range []string{"group_size:1", "group_size:64,uncompressed"} {
		ar := filepath.Join(dir, options)
		writeArrayRecord(b, ar, records, options)
		b.Run(fmt.Sprintf("ToArrayRecord/%s", options), func(b *testing.B) {
			b.SetBytes(64 << 20)
			for b.Loop() {
				_, err := TFRecordToArrayRecord(b.Context(), tf, out, TFRecordInput{}, options, Observer{})
				require.NoError(b, err)
			}
		})
		b.Run(fmt.Sprintf("ToTFRecord/%s", options), func(b *testing.B) {
			b.SetBytes(64 << 20)
			for b.Loop() {
				_, err := ArrayRecordToTFRecord(b.Context(), ar, out, Observer{})
				require.NoError(b, err)
			}
		})
	}
}
