// Command serve is a service that gives the records of a data set by number over HTTP. README.md
// beside it is its page.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	_ "github.com/arrayrecord/arrayrecord-go/storage/gcs" // gs://
)

type settings struct {
	listen   string
	parallel int           // requests at once
	maxSize  int64         // of a record
	timeout  time.Duration // of a request
	grace    time.Duration // for requests under way at the end
}

func main() {
	s := settings{}
	flag.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address")
	flag.IntVar(&s.parallel, "parallel", 64, "requests at once; others are told to come again")
	flag.Int64Var(&s.maxSize, "max-record-size", 16<<20, "bytes of the largest record that is served")
	flag.DurationVar(&s.timeout, "timeout", 10*time.Second, "of a request")
	flag.DurationVar(&s.grace, "grace", 20*time.Second, "how long requests under way may take after SIGTERM")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, s, flag.Args(), func(net.Addr) {}); err != nil {
		slog.Error("serve", "error", err)
		os.Exit(1)
	}
}

// serve runs until the context ends, and returns when the requests that were under way then are
// answered. It calls ready when it listens.
func serve(ctx context.Context, s settings, paths []string, ready func(net.Addr)) error {
	source, err := arrayrecord.OpenDataSource(ctx, paths,
		arrayrecord.WithReaderOptionsForFiles(arrayrecord.ReaderOptions{MaxRecordSize: s.maxSize}))
	if err != nil {
		return err
	}
	defer source.Close()
	var m counters
	arrayrecord.SetMetrics(&m)
	defer arrayrecord.SetMetrics(nil)

	listener, err := net.Listen("tcp", s.listen)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler(source, s, &m),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	slog.Info("serving", "address", listener.Addr().String(), "records", source.NumRecords())
	ready(listener.Addr())
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	slog.Info("stopping")
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace)
	defer cancel()
	return errors.Join(server.Shutdown(grace), server.Close())
}

func handler(source *arrayrecord.DataSource, s settings, m *counters) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /records/{number}", func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.PathValue("number"))
		if err != nil || i < 0 {
			http.Error(w, "not a record number", http.StatusBadRequest)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
		defer cancel()
		record, err := source.Get(ctx, i)
		switch {
		case errors.Is(err, arrayrecord.ErrOutOfRange):
			http.Error(w, fmt.Sprintf("there are %d records", source.NumRecords()), http.StatusNotFound)
			return
		case errors.Is(err, arrayrecord.ErrTooLarge):
			http.Error(w, "the record is too large", http.StatusUnprocessableEntity)
			return
		case errors.Is(err, context.DeadlineExceeded):
			http.Error(w, "the storage takes too long", http.StatusGatewayTimeout)
			return
		case err != nil:
			// What went wrong, and where, is for the log.
			slog.Error("reading", "record", i, "error", err)
			http.Error(w, "the record cannot be read", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Length", strconv.Itoa(len(record)))
		_, _ = w.Write(record) // who is gone needs none
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /metrics", m.print)

	places := make(chan struct{}, s.parallel)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			mux.ServeHTTP(w, r)
		default:
			m.refused.Add(1)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
		}
	})
}

// counters are the metrics of the library and the service, in the text format of Prometheus. Package
// otelmetrics is for those who have OpenTelemetry.
type counters struct {
	requests, requestBytes, requestErrors, requestMicros atomic.Int64
	records, recordBytes, recordErrors                   atomic.Int64
	refused                                              atomic.Int64
}

func (c *counters) Request(_ string, bytes int, took time.Duration, err error) {
	c.requests.Add(1)
	c.requestBytes.Add(int64(bytes))
	c.requestMicros.Add(took.Microseconds())
	if err != nil {
		c.requestErrors.Add(1)
	}
}

func (c *counters) Records(_ string, records, bytes int, _ time.Duration, err error) {
	c.records.Add(int64(records))
	c.recordBytes.Add(int64(bytes))
	if err != nil {
		c.recordErrors.Add(1)
	}
}

func (c *counters) print(w http.ResponseWriter, _ *http.Request) {
	hits, misses := arrayrecord.ChunkCacheCounts()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, one := range []struct {
		name  string
		value float64
	}{
		{"storage_requests_total", float64(c.requests.Load())},
		{"storage_request_bytes_total", float64(c.requestBytes.Load())},
		{"storage_request_errors_total", float64(c.requestErrors.Load())},
		{"storage_request_seconds_total", float64(c.requestMicros.Load()) / 1e6},
		{"records_total", float64(c.records.Load())},
		{"record_bytes_total", float64(c.recordBytes.Load())},
		{"record_errors_total", float64(c.recordErrors.Load())},
		{"chunk_cache_hits_total", float64(hits)},
		{"chunk_cache_misses_total", float64(misses)},
		{"refused_requests_total", float64(c.refused.Load())},
	} {
		fmt.Fprintf(w, "# TYPE arrayrecord_%s counter\narrayrecord_%s %v\n", one.name, one.name, one.value)
	}
}
