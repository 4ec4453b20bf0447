package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func get(t *testing.T, url string) (status int, body string) {
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

// upload puts the digits into a bucket, and returns one of them too.
func upload(t *testing.T) (name, third string) {
	name = fakegcs.Dir(t) + "/digits.arrayrecord"
	data, err := os.ReadFile("../../testdata/digits-default.arrayrecord")
	require.NoError(t, err)
	u, err := storage.Create(t.Context(), name, storage.CreateOptions{})
	require.NoError(t, err)
	_, err = u.Write(data)
	require.NoError(t, err)
	require.NoError(t, u.Commit())
	r, err := arrayrecord.Open(t.Context(), name)
	require.NoError(t, err)
	defer r.Close()
	record, err := r.Get(t.Context(), 2)
	require.NoError(t, err)
	return name, string(record)
}

func TestServe(t *testing.T) {
	name, third := upload(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	addresses, ended := make(chan net.Addr, 1), make(chan error, 1)
	s := settings{listen: "127.0.0.1:0", parallel: 4, maxSize: 1 << 20, timeout: time.Minute, grace: time.Minute}
	go func() { ended <- serve(ctx, s, []string{name}, func(a net.Addr) { addresses <- a }) }()
	var url string
	select {
	case a := <-addresses:
		url = "http://" + a.String()
	case err := <-ended:
		t.Fatal(err)
	}
	status, body := get(t, url+"/records/2")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, third, body)
	status, body = get(t, url+"/records/200")
	require.Equal(t, http.StatusNotFound, status)
	require.Equal(t, "there are 200 records\n", body)
	for _, number := range []string{"x", "-1", "99999999999999999999"} {
		status, _ = get(t, url+"/records/"+number)
		require.Equal(t, http.StatusBadRequest, status, number)
	}
	status, body = get(t, url+"/healthz")
	require.Equal(t, http.StatusOK, status, body)
	_, body = get(t, url+"/metrics")
	require.Contains(t, body, "\narrayrecord_records_total 1\n")
	require.Regexp(t, `\narrayrecord_storage_requests_total [1-9]`, body)
	require.Contains(t, body, "\narrayrecord_storage_request_errors_total 0\n")
	stop()
	require.NoError(t, <-ended)
	_, err := http.Get(url)
	require.Error(t, err)
}

// Who is being answered when the service is stopped gets all of the answer.
func TestGracefulStop(t *testing.T) {
	const size = 32 << 20 // more than a connection buffers
	name := filepath.Join(t.TempDir(), "large.arrayrecord")
	w, err := arrayrecord.Create(t.Context(), name)
	require.NoError(t, err)
	require.NoError(t, w.Write(make([]byte, size)))
	require.NoError(t, w.Close())

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	addresses, ended := make(chan net.Addr, 1), make(chan error, 1)
	s := settings{listen: "127.0.0.1:0", parallel: 4, maxSize: size, timeout: time.Minute, grace: time.Minute}
	go func() { ended <- serve(ctx, s, []string{name}, func(a net.Addr) { addresses <- a }) }()
	url := "http://" + (<-addresses).String()
	response, err := http.Get(url + "/records/0")
	require.NoError(t, err)
	defer response.Body.Close()
	stop()
	for { // until it listens no more
		other, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			break
		}
		other.Close()
	}
	require.Empty(t, ended)
	n, err := io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.Equal(t, int64(size), n)
	require.NoError(t, <-ended)
}

// More requests than `parallel` are told to come again.
func TestLimit(t *testing.T) {
	var m counters
	entered, leave := make(chan struct{}), make(chan struct{})
	ds, err := arrayrecord.OpenDataSource(t.Context(), []string{"../../testdata/digits-default.arrayrecord"})
	require.NoError(t, err)
	defer ds.Close()
	inner := handler(ds, settings{parallel: 1, timeout: time.Minute}, &m)
	server := httptest.NewServer(inner)
	defer server.Close()
	// A request that holds the only place: its client does not take the answer yet.
	slow := &slowWriter{ResponseRecorder: httptest.NewRecorder(), entered: entered, leave: leave}
	done := make(chan struct{})
	go func() {
		inner.ServeHTTP(slow, httptest.NewRequest("GET", "/records/0", nil))
		close(done)
	}()
	<-entered
	status, _ := get(t, server.URL+"/records/1")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, int64(1), m.refused.Load())
	close(leave)
	<-done
	require.Equal(t, http.StatusOK, slow.Code)
	status, _ = get(t, server.URL+"/records/1")
	require.Equal(t, http.StatusOK, status)
}

type slowWriter struct {
	*httptest.ResponseRecorder
	entered, leave chan struct{}
}

func (w *slowWriter) Write(p []byte) (int, error) {
	close(w.entered)
	<-w.leave
	return w.ResponseRecorder.Write(p)
}

func TestRecordsThatAreTooLarge(t *testing.T) {
	ds, err := arrayrecord.OpenDataSource(t.Context(), []string{"../../testdata/digits-default.arrayrecord"},
		arrayrecord.WithReaderOptionsForFiles(arrayrecord.ReaderOptions{MaxRecordSize: 10}))
	require.NoError(t, err)
	defer ds.Close()
	w := httptest.NewRecorder()
	handler(ds, settings{parallel: 1, timeout: time.Minute}, new(counters)).ServeHTTP(w, httptest.NewRequest("GET", "/records/0", nil))
	require.Equal(t, http.StatusUnprocessableEntity, w.Code)
}
