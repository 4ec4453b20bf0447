package gcs_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cloud "cloud.google.com/go/storage"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	gax "github.com/googleapis/gax-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/option"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/gcs"
)

// service is fake-gcs-server behind a handler that counts requests, delays them
// and makes them fail.
var service *emulator

const (
	versioned = "versioned-bucket" // keeps replaced objects
	plain     = "plain-bucket"     // does not
)

func TestMain(m *testing.M) {
	service = startEmulator()
	os.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(service.server.URL, "http://"))
	code := m.Run()
	service.server.Close()
	os.Exit(code)
}

// What a request does.
type op string

const (
	opRead    op = "read"
	opAttrs   op = "attrs"
	opList    op = "list"
	opUpload  op = "upload"  // of a whole object
	opSession op = "session" // begin of a resumable upload
	opPart    op = "part"    // of a resumable upload
	opCopy    op = "copy"
	opDelete  op = "delete"
	opOther   op = "other"
)

type request struct {
	op   op
	what string // path and query
	rng  string // of a read
}

// A fault is how a request fails. It may pass the request on.
type fault func(w http.ResponseWriter, r *http.Request, next http.Handler)

type rule struct {
	op          op
	name        string // part of the URL
	skip, count int    // let skip requests through, then fail count; 0: all
	fault       fault
}

type emulator struct {
	server  *httptest.Server
	next    http.Handler
	latency atomic.Int64

	mu       sync.Mutex
	rules    []*rule
	requests []request
	active   int // requests being answered
	peak     int
	lost     map[string]*httptest.ResponseRecorder
}

func startEmulator() *emulator {
	e := &emulator{lost: map[string]*httptest.ResponseRecorder{}}
	e.server = httptest.NewUnstartedServer(e)
	host := e.server.Listener.Addr().String()
	fake, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, Scheme: "http", PublicHost: host, ExternalURL: "http://" + host,
	})
	if err != nil {
		panic(err)
	}
	fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: versioned, VersioningEnabled: true})
	fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: plain})
	fake.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "my-bucket"})
	e.next = fake.HTTPHandler()
	e.server.Start()
	return e
}

func classify(r *http.Request) op {
	q := r.URL.Query()
	path := r.URL.EscapedPath()
	switch {
	case q.Has("upload_id"):
		return opPart
	case q.Get("uploadType") == "resumable":
		return opSession
	case strings.HasPrefix(path, "/upload/"):
		return opUpload
	case r.Method == http.MethodDelete:
		return opDelete
	case strings.Contains(path, "/rewriteTo/"):
		return opCopy
	case r.Method != http.MethodGet:
		return opOther
	case !strings.HasPrefix(path, "/storage/v1/") || q.Get("alt") == "media":
		return opRead
	case strings.HasSuffix(path, "/o"):
		return opList
	default:
		return opAttrs
	}
}

func (e *emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := classify(r)
	f := e.begin(kind, r)
	defer func() {
		e.mu.Lock()
		e.active--
		e.mu.Unlock()
	}()
	if d := time.Duration(e.latency.Load()); d > 0 {
		time.Sleep(d)
	}
	// The service knows a part that it has got already, which the fake would
	// append once more.
	e.mu.Lock()
	answer := e.lost[lostKey(r)]
	e.mu.Unlock()
	switch {
	case f != nil:
		f(w, r, e.next)
	case answer != nil:
		_, _ = io.Copy(io.Discard, r.Body)
		replay(w, answer, -1)
	default:
		e.next.ServeHTTP(w, r)
	}
}

func (e *emulator) begin(kind op, r *http.Request) fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.active++
	e.peak = max(e.peak, e.active)
	e.requests = append(e.requests, request{kind, r.URL.RequestURI(), r.Header.Get("Range")})
	for _, rule := range e.rules {
		if rule.op != kind || !strings.Contains(r.URL.RequestURI(), rule.name) {
			continue
		}
		if rule.skip > 0 {
			rule.skip--
			continue
		}
		if rule.count > 0 {
			if rule.count--; rule.count == 0 {
				rule.count = -1
			}
		} else if rule.count < 0 {
			continue
		}
		return rule.fault
	}
	return nil
}

// inject adds a rule until the end of the test. Only requests whose URL has the
// name in it are meant, and of those the first count after skip; 0 is all.
func (e *emulator) inject(t testing.TB, kind op, name string, skip, count int, f fault) {
	t.Helper()
	added := &rule{kind, name, skip, count, f}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = append(e.rules, added)
	t.Cleanup(e.heal)
}

func (e *emulator) heal() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rules = nil
}

// counted runs fn and gives the requests that it made.
func (e *emulator) counted(fn func()) map[op]int {
	e.mu.Lock()
	e.requests, e.peak = nil, 0
	e.mu.Unlock()
	fn()
	e.mu.Lock()
	defer e.mu.Unlock()
	counts := map[op]int{}
	for _, r := range e.requests {
		counts[r.op]++
	}
	return counts
}

func (e *emulator) setLatency(t testing.TB, d time.Duration) {
	e.latency.Store(int64(d))
	t.Cleanup(func() { e.latency.Store(0) })
}

// status answers with an error without doing anything.
func status(code int) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"error": {"code": %d, "message": "injected"}}`, code)
	}
}

// cut breaks the connection after n bytes of the answer's body.
func cut(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		replay(w, answer, n)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

// shorten answers with the first n bytes, as if there were no more.
func shorten(n int) fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		answer.Header().Set("Content-Length", fmt.Sprint(n))
		replay(w, answer, n)
	}
}

// lose does what is asked and then breaks the connection.
func lose(_ http.ResponseWriter, r *http.Request, next http.Handler) {
	service.mu.Lock()
	done := service.lost[lostKey(r)] != nil
	service.mu.Unlock()
	if !done {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if classify(r) == opPart {
			service.mu.Lock()
			service.lost[lostKey(r)] = answer
			service.mu.Unlock()
		}
	}
	_, _ = io.Copy(io.Discard, r.Body)
	panic(http.ErrAbortHandler)
}

func lostKey(r *http.Request) string { return r.URL.RequestURI() + r.Header.Get("Content-Range") }

// slow answers in pieces with a pause before each.
func slow(pieces int, pause time.Duration) fault {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		replay(w, answer, 0)
		body := answer.Body.Bytes()
		for k := range pieces {
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
			_, _ = w.Write(body[len(body)*k/pieces : len(body)*(k+1)/pieces])
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// hang answers nothing until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func replay(w http.ResponseWriter, answer *httptest.ResponseRecorder, n int) {
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	body := answer.Body.Bytes()
	if n >= 0 {
		body = body[:min(n, len(body))]
	}
	_, _ = w.Write(body)
}

// useClient lets the scheme gs use a client with short pauses between attempts.
func useClient(t testing.TB, opts ...option.ClientOption) {
	t.Helper()
	client, err := cloud.NewClient(t.Context(), opts...)
	require.NoError(t, err)
	client.SetRetry(cloud.WithBackoff(gax.Backoff{Initial: 2 * time.Millisecond, Max: 20 * time.Millisecond}))
	gcs.Use(client)
	t.Cleanup(func() { gcs.Use(nil) })
}

var places atomic.Int64

// place gives a new directory in a bucket, which goes away with the test.
func place(t testing.TB, bucket string) string {
	dir := fmt.Sprintf("gs://%s/place-%d", bucket, places.Add(1))
	t.Cleanup(func() { assert.NoError(t, storage.RemoveAll(context.Background(), dir)) })
	return dir
}

// content gives n bytes that differ everywhere.
func content(n int) []byte {
	b := make([]byte, 0, n+8)
	for i := uint64(0); len(b) < n; i++ {
		x := (i + 1) * 0x9e3779b97f4a7c15
		b = append(b, byte(x>>56), byte(x>>48), byte(x>>40), byte(x>>32), byte(x>>24), byte(x>>16), byte(x>>8), byte(i))
	}
	return bytes.Clone(b[:n])
}
