package docs_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	cloud "cloud.google.com/go/storage"
	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/arrayrecord/arrayrecord-go/beam/arrayrecordio"
	"github.com/arrayrecord/arrayrecord-go/beam/dofns"
	"github.com/arrayrecord/arrayrecord-go/beam/tfrecordio"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/gcs"
	"github.com/arrayrecord/arrayrecord-go/tfrecord"
)

// requests counts what a client of Google Cloud Storage asks for, as the service
// bills it.
type requests struct {
	mu                     sync.Mutex
	a, b, deletions, parts int
}

// RoundTrip counts a request.
func (c *requests) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	switch q := r.URL.Query(); {
	case q.Has("upload_id"):
		c.parts++
	case r.Method == http.MethodDelete:
		c.deletions++
	case r.Method != http.MethodGet: // uploads, copies
		c.a++
	case strings.HasSuffix(r.URL.EscapedPath(), "/o"): // lists
		c.a++
	default: // content, metadata
		c.b++
	}
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

func (c *requests) take() [4]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := [4]int{c.a, c.b, c.parts, c.deletions}
	c.a, c.b, c.parts, c.deletions = 0, 0, 0, 0
	return counts
}

// The table of operations in dataflow.md: 64 MiB in 4 files, on a fake of the
// service.
func TestOperationsOfTheGuide(t *testing.T) {
	address, err := fakegcs.Start()
	require.NoError(t, err)
	counted := new(requests)
	client, err := cloud.NewClient(t.Context(), cloud.WithJSONReads(), option.WithoutAuthentication(),
		option.WithEndpoint("http://"+address+"/storage/v1/"), option.WithHTTPClient(&http.Client{Transport: counted}))
	require.NoError(t, err)
	defer client.Close()
	storage.Register("gs-counted", gcs.New(client))
	dir := "gs-counted" + strings.TrimPrefix(fakegcs.Dir(t), "gs")

	const files, records = 4, 256
	record := make([]byte, 64<<10)
	random := rand.NewChaCha8([32]byte{})
	for i := range files {
		out, err := storage.Create(t.Context(), fmt.Sprintf("%s/in/%d.tfrecord", dir, i), storage.CreateOptions{})
		require.NoError(t, err)
		w, err := tfrecord.NewWriter(out)
		require.NoError(t, err)
		for range records {
			_, _ = random.Read(record)
			require.NoError(t, w.Write(record))
		}
		require.NoError(t, w.Close())
		require.NoError(t, out.Commit())
	}
	counted.take()

	guide, err := os.ReadFile("dataflow.md")
	require.NoError(t, err)
	for i, test := range []struct {
		name  string
		build func(s beam.Scope, output string)
	}{
		{"`convert --num_shards 4`", func(s beam.Scope, output string) {
			arrayrecordio.Write(s, output+"/x", tfrecordio.Read(s, dir+"/in/*"), arrayrecordio.WithNumShards(4))
		}},
		{"`convert`", func(s beam.Scope, output string) {
			arrayrecordio.Write(s, output+"/x", tfrecordio.Read(s, dir+"/in/*"))
		}},
		{"`convert-files`", func(s beam.Scope, output string) {
			var names []string
			for i := range files {
				names = append(names, fmt.Sprintf("%s/in/%d.tfrecord", dir, i))
			}
			dofns.TFRecordFileToArrayRecord(s, dofns.NameOutputs(s, output, beam.CreateList(s, names)))
		}},
	} {
		p, s := beam.NewPipelineWithRoot()
		test.build(s, storage.Join(dir, fmt.Sprint("out", i)))
		_, err := beam.Run(t.Context(), "prism", p)
		require.NoError(t, err)
		counts := counted.take()
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(test.name) + ` \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$`).FindStringSubmatch(string(guide))
		require.NotNil(t, row, test.name)
		for column, got := range counts {
			said, err := strconv.Atoi(row[column+1])
			require.NoError(t, err)
			// The runner splits what it finds slow, and a part is opened and staged anew.
			assert.GreaterOrEqual(t, got+2, said/2, "dataflow.md: %s: now %d", test.name, counts)
			assert.LessOrEqual(t, got, 2*said+8, "dataflow.md: %s: now %d", test.name, counts)
		}
	}
}
