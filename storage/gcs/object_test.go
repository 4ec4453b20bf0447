package gcs_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	cloud "cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/gcs"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

const tail = 256 << 10

func TestIsASystem(t *testing.T) {
	storagetest.TestSystem(t, func(t *testing.T) string { return place(t, versioned) })
}

func TestIsASystemWithOwnClient(t *testing.T) {
	useClient(t, cloud.WithJSONReads())
	storagetest.TestSystem(t, func(t *testing.T) string { return place(t, versioned) })
}

func TestAnotherSystemUnderAnotherScheme(t *testing.T) {
	client, err := cloud.NewClient(t.Context())
	require.NoError(t, err)
	defer client.Close()
	storage.Register("gs-eu", gcs.New(client))
	name := "gs-eu" + place(t, plain)[2:] + "/x"
	storagetest.Put(t, name, []byte("shared"))
	assert.Equal(t, "shared", string(storagetest.Get(t, "gs"+name[len("gs-eu"):])))
	infos, err := storage.List(t.Context(), name[:len(name)-1]+"*")
	require.NoError(t, err)
	require.Len(t, infos, 1)
	assert.Equal(t, name, infos[0].Name)
}

func TestClientIsMadeWhenItIsNeeded(t *testing.T) {
	name := place(t, plain) + "/object"
	storagetest.Put(t, name, []byte("x"))
	s := gcs.New(nil)
	emulator := os.Getenv("STORAGE_EMULATOR_HOST")
	t.Setenv("STORAGE_EMULATOR_HOST", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	_, err := s.Open(t.Context(), name)
	assert.ErrorContains(t, err, "missing.json")
	assert.ErrorContains(t, err, name)
	_, err = s.Stat(t.Context(), name)
	assert.ErrorContains(t, err, "missing.json")
	// The failure is not kept.
	t.Setenv("STORAGE_EMULATOR_HOST", emulator)
	o, err := s.Open(t.Context(), name)
	require.NoError(t, err)
	assert.EqualValues(t, 1, o.Size())
}

func TestOpeningIsOneRequestAndTheTailNone(t *testing.T) {
	name := place(t, plain) + "/object"
	all := content(3 * tail)
	storagetest.Put(t, name, all)
	var o storage.Object
	n := service.counted(func() {
		var err error
		o, err = storage.Open(t.Context(), name)
		require.NoError(t, err)
	})
	defer o.Close()
	assert.Equal(t, map[op]int{opRead: 1}, n)
	p := make([]byte, tail)
	n = service.counted(func() {
		_, err := o.ReadAt(t.Context(), p[:100], 2*tail+50)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(all[2*tail+50:2*tail+150], p[:100]))
		_, err = o.ReadAt(t.Context(), p, 2*tail)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(all[2*tail:], p))
	})
	assert.Empty(t, n)
	// It has been given away: now it costs a request.
	n = service.counted(func() {
		_, err := o.ReadAt(t.Context(), p, 2*tail)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(all[2*tail:], p))
	})
	assert.Equal(t, map[op]int{opRead: 1}, n)
}

func TestSmallObjectsAreReadOnce(t *testing.T) {
	for _, size := range []int{1, 1000, tail - 1, tail} {
		name := place(t, plain) + "/object"
		all := content(size)
		storagetest.Put(t, name, all)
		n := service.counted(func() {
			for range 3 {
				o, err := storage.Open(t.Context(), name)
				require.NoError(t, err)
				for range 3 {
					p := make([]byte, size)
					_, err := o.ReadAt(t.Context(), p, 0)
					require.NoError(t, err)
					assert.True(t, bytes.Equal(all, p), size)
				}
				require.NoError(t, o.Close())
			}
		})
		assert.Equal(t, map[op]int{opRead: 3}, n, size)
	}
}

// The service may also answer 416 when a range of an empty object is wanted.
func TestEmptyObjectWithoutRanges(t *testing.T) {
	name := place(t, plain) + "/empty"
	storagetest.Put(t, name, nil)
	service.inject(t, opRead, "empty", 0, 0, status(http.StatusRequestedRangeNotSatisfiable))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	assert.Zero(t, o.Size())
	n, err := o.ReadAt(t.Context(), make([]byte, 1), 0)
	assert.Zero(t, n)
	assert.Equal(t, io.EOF, err)

	full := place(t, plain) + "/not-empty"
	storagetest.Put(t, full, []byte("x"))
	_, err = storage.Open(t.Context(), full)
	assert.ErrorContains(t, err, full)
}

func TestReadsStayWithinTheGenerationThatWasOpened(t *testing.T) {
	for bucket, kept := range map[string]bool{versioned: true, plain: false} {
		t.Run(bucket, func(t *testing.T) {
			name := place(t, bucket) + "/object"
			old := content(3 * tail)
			storagetest.Put(t, name, old)
			o, err := storage.Open(t.Context(), name)
			require.NoError(t, err)
			defer o.Close()
			storagetest.Put(t, name, make([]byte, 3*tail))
			p := make([]byte, 1000)
			_, err = o.ReadAt(t.Context(), p, 5)
			if kept {
				require.NoError(t, err)
				assert.Equal(t, old[5:1005], p)
				return
			}
			assert.ErrorIs(t, err, fs.ErrNotExist)
			assert.ErrorContains(t, err, name)
			assert.ErrorContains(t, err, "replaced or removed since it was opened")
		})
	}
}

// gzipped stores an object as "gsutil cp -Z" does.
func gzipped(t *testing.T, object string, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(text)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	client, err := cloud.NewClient(t.Context())
	require.NoError(t, err)
	defer client.Close()
	w := client.Bucket(plain).Object(object).NewWriter(t.Context())
	w.ContentEncoding = "gzip"
	_, err = w.Write(b.Bytes())
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func TestObjectsWithContentEncodingAreReadAsStored(t *testing.T) {
	useClient(t)
	stored := gzipped(t, "encoded", content(3*tail))
	name := "gs://" + plain + "/encoded"
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	require.EqualValues(t, len(stored), o.Size())
	service.inject(t, opRead, "encoded", 0, 2, cut(1000))
	p := make([]byte, 50_000)
	for _, off := range []int64{0, 1, 100_000, o.Size() - 50_000} {
		_, err = o.ReadAt(t.Context(), p, off)
		require.NoError(t, err)
		assert.True(t, bytes.Equal(stored[off:off+50_000], p), off)
	}
	useClient(t, cloud.WithJSONReads())
	_, err = storage.Open(t.Context(), name)
	assert.ErrorContains(t, err, "Content-Encoding gzip")
}

// All of an object is read under a fault, by pieces and by several goroutines,
// over both interfaces of the service.
func TestReadsSurviveFaults(t *testing.T) {
	silence(t)
	for name, f := range map[string]fault{
		"503":              status(http.StatusServiceUnavailable),
		"429":              status(http.StatusTooManyRequests),
		"no answer":        lose,
		"cut at once":      cut(0),
		"cut in the body":  cut(777),
		"cut near the end": cut(9_999),
		"short":            shorten(500),
		"empty":            shorten(0),
		"slow":             slow(5, time.Millisecond),
	} {
		for reads, opts := range map[string][]option.ClientOption{"XML": nil, "JSON": {cloud.WithJSONReads()}} {
			for _, size := range []int{10_000, 3 * tail} {
				t.Run(fmt.Sprint(name, " ", reads, " ", size), func(t *testing.T) {
					useClient(t, opts...)
					object := place(t, plain) + "/victim"
					all := content(size)
					storagetest.Put(t, object, all)
					service.inject(t, opRead, "victim", 0, 2, f)
					o, err := storage.Open(t.Context(), object)
					require.NoError(t, err)
					defer o.Close()
					require.EqualValues(t, size, o.Size())
					service.inject(t, opRead, "victim", 1, 4, f)
					var wg sync.WaitGroup
					for g := range 4 {
						wg.Go(func() {
							p := make([]byte, size/4)
							_, err := o.ReadAt(t.Context(), p, int64(g*len(p)))
							assert.NoError(t, err)
							assert.True(t, bytes.Equal(all[g*len(p):(g+1)*len(p)], p), "part %d", g)
						})
					}
					wg.Wait()
					p := make([]byte, size)
					_, err = o.ReadAt(t.Context(), p, 0)
					require.NoError(t, err)
					assert.True(t, bytes.Equal(all, p))
				})
			}
		}
	}
}

// silence drops the client's remarks on the bytes too many of an interrupted
// download.
func silence(t *testing.T) {
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
}

// Interruptions at every point of the request that opens a small object.
func TestInterruptedOpeningOfSmallObject(t *testing.T) {
	useClient(t)
	silence(t)
	name := place(t, plain) + "/small"
	all := content(300)
	storagetest.Put(t, name, all)
	for n := range 301 {
		service.inject(t, opRead, "small", 0, 1+n%2, cut(n))
		assert.Equal(t, all, storagetest.Get(t, name), "cut after %d", n)
		service.heal()
	}
}

func TestAnswersThatStayShortAreAnError(t *testing.T) {
	useClient(t)
	name := place(t, plain) + "/short"
	storagetest.Put(t, name, content(3*tail))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	service.inject(t, opRead, "short", 0, 0, shorten(10))
	n, err := o.ReadAt(t.Context(), make([]byte, 100), 0)
	assert.Zero(t, n)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.ErrorContains(t, err, name)
	_, err = storage.Open(t.Context(), name)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestErrorsOfTheServiceStayReachable(t *testing.T) {
	name := place(t, plain) + "/locked"
	storagetest.Put(t, name, content(3*tail))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	for _, code := range []int{http.StatusForbidden, http.StatusUnauthorized, http.StatusBadRequest} {
		service.inject(t, opRead, "locked", 0, 0, status(code))
		_, openErr := storage.Open(t.Context(), name)
		_, readErr := o.ReadAt(t.Context(), make([]byte, 10), 0)
		for _, err := range []error{openErr, readErr} {
			var e *googleapi.Error
			require.True(t, errors.As(err, &e), "%v", err)
			assert.Equal(t, code, e.Code)
			assert.Equal(t, code != http.StatusBadRequest, errors.Is(err, fs.ErrPermission))
			assert.ErrorContains(t, err, name)
			assert.NotErrorIs(t, err, fs.ErrNotExist)
		}
		service.heal()
	}
}

func TestContextEndsWaiting(t *testing.T) {
	useClient(t)
	name := place(t, plain) + "/stuck"
	storagetest.Put(t, name, content(3*tail))
	o, err := storage.Open(t.Context(), name)
	require.NoError(t, err)
	defer o.Close()
	cause := errors.New("lost interest")
	for kind, f := range map[string]fault{
		"hanging":      hang,
		"out of order": status(http.StatusServiceUnavailable),
		"crawling":     slow(1000, 100*time.Millisecond),
	} {
		t.Run(kind, func(t *testing.T) {
			service.inject(t, opRead, "stuck", 0, 0, f)
			service.inject(t, opAttrs, "stuck", 0, 0, f)
			for what, call := range map[string]func(ctx context.Context) error{
				"open": func(ctx context.Context) error { _, err := storage.Open(ctx, name); return err },
				"read": func(ctx context.Context) error { _, err := o.ReadAt(ctx, make([]byte, 100_000), 0); return err },
				"stat": func(ctx context.Context) error { _, err := storage.Stat(ctx, name); return err },
			} {
				ctx, cancel := context.WithTimeoutCause(t.Context(), 30*time.Millisecond, cause)
				begin := time.Now()
				err := call(ctx)
				assert.ErrorIs(t, err, context.DeadlineExceeded, what)
				assert.ErrorIs(t, err, cause, what)
				assert.ErrorContains(t, err, name, what)
				assert.Less(t, time.Since(begin), 10*time.Second, what)
				cancel()
			}
		})
	}
}

func TestNamesThatAreNone(t *testing.T) {
	ctx := t.Context()
	for _, name := range []string{
		"gs://", "gs:///object", "gs://Upper/object", "gs://buck*t/object", "gs://bucket", "gs://bucket/",
		"gs://bucket/line\nbreak", "gs://bucket/\xff", "gs://bucket/.", "gs://bucket/..",
		"gs://bucket/" + string(make([]byte, 1025)),
	} {
		_, openErr := storage.Open(ctx, name)
		_, createErr := storage.Create(ctx, name, storage.CreateOptions{})
		_, statErr := storage.Stat(ctx, name)
		for _, err := range []error{openErr, createErr, statErr, storage.Remove(ctx, name),
			storage.Rename(ctx, name, "gs://bucket/x")} {
			assert.ErrorIs(t, err, fs.ErrInvalid, "%q", name)
		}
	}
	from := place(t, plain) + "/from"
	storagetest.Put(t, from, nil)
	assert.ErrorIs(t, storage.Rename(ctx, from, "gs://bucket/"), fs.ErrInvalid)
	_, err := gcs.New(nil).Open(ctx, "x")
	assert.ErrorIs(t, err, fs.ErrInvalid)
	_, err = storage.Open(ctx, "gs://no-such-bucket/object")
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

func TestUnusualNames(t *testing.T) {
	dir := place(t, plain)
	for _, object := range []string{
		"with space", "ünïcödé/日本", "a//b", "100%", "q?x=1&y", "#hash", "a+b", "[1]", `back\slash`, "a/./b", "../up", ":", "trailing.",
	} {
		name := dir + "/" + object
		storagetest.Put(t, name, []byte(object))
		assert.Equal(t, object, string(storagetest.Get(t, name)))
		info, err := storage.Stat(t.Context(), name)
		require.NoError(t, err, object)
		assert.Equal(t, name, info.Name)
		moved := dir + "/moved/" + object
		require.NoError(t, storage.Rename(t.Context(), name, moved), object)
		assert.Equal(t, object, string(storagetest.Get(t, moved)))
		require.NoError(t, storage.Remove(t.Context(), moved), object)
	}
	infos, err := storage.List(t.Context(), dir+"/**")
	require.NoError(t, err)
	assert.Empty(t, infos)
}
