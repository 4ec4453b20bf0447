// Package fakegcs gives tests buckets on a fake of Google Cloud Storage that
// runs in their process. Importing it links gs:// into the test.
package fakegcs

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
)

const bucket = "bucket"

// Start starts the fake, once in a process, and makes the clients of Google's
// library use it. The address, HOST:PORT, is the value of
// STORAGE_EMULATOR_HOST for other processes.
var Start = sync.OnceValues(func() (address string, err error) {
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		// Downloads go by host name, and must find the fake by its number.
		Scheme: "http", Host: "127.0.0.1", PublicHost: "127.0.0.1",
	})
	if err != nil {
		return "", err
	}
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: bucket})
	address = strings.TrimPrefix(server.URL(), "http://")
	return address, os.Setenv("STORAGE_EMULATOR_HOST", address)
})

var dirs atomic.Int64

// Dir gives a new directory in a bucket, which goes away with the test.
func Dir(t testing.TB) string {
	t.Helper()
	_, err := Start()
	require.NoError(t, err)
	dir := fmt.Sprintf("gs://%s/dir-%d", bucket, dirs.Add(1))
	t.Cleanup(func() { require.NoError(t, storage.RemoveAll(context.Background(), dir)) })
	return dir
}
