package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// A header is the first line of a run's results.
type header struct {
	Kind     string                       `json:"kind"` // "run"
	Flags    string                       `json:"flags"`
	Time     time.Time                    `json:"time"`
	Revision string                       `json:"revision"`
	Machine  machine                      `json:"machine"`
	Load     float64                      `json:"load"` // average of the last minute before
	Repeat   int                          `json:"repeat"`
	Peers    []string                     `json:"peers"` // in the order of the report
	Versions map[string]map[string]string `json:"versions"`
}

// A result is each other line: what one peer did in one repetition of an experiment.
type result struct {
	Kind string `json:"kind"` // "result"
	experiment
	Peer       string  `json:"peer"`
	Repetition int     `json:"repetition"` // from 0
	Seconds    float64 `json:"seconds"`
	Records    int64   `json:"records"`
	Bytes      int64   `json:"bytes"`
	Allocs     *int64  `json:"allocs,omitempty"`
	Memory     *int64  `json:"memory,omitempty"` // see answer; measured once, before the repetitions
}

// perRecord is the result in seconds per record, or per opening.
func (r *result) perRecord() float64 { return r.Seconds / float64(r.Records) }

// A runner runs experiments.
type runner struct {
	dir      string // for the data
	peers    []*peer
	repeat   int
	long     time.Duration
	results  *json.Encoder
	progress io.Writer
}

// launch starts the peers. Whatever happens, stop must be called.
func (r *runner) launch(chosen []contestant, commands [][]string) error {
	for i, c := range chosen {
		p, err := launch(c, commands[i]...)
		if err != nil {
			return err
		}
		r.peers = append(r.peers, p)
	}
	return nil
}

// stop ends the peers.
func (r *runner) stop() error {
	var errs []error
	for _, p := range r.peers {
		errs = append(errs, p.stop())
	}
	return errors.Join(errs...)
}

// A place is where the data of one data set are: TFRecord files "read" with all
// records and "part-00" to "part-15" with about equal parts of them, and in a
// directory for each group size and codec the same in the peers' formats.
type place struct {
	dir     string
	records [][]byte
	indices []int
	bytes   int64
	least   int // size of the shortest record
}

const indicesFile = "indices"

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// file is the file for an experiment in the format with the extension.
func (p *place) file(e *experiment, name, extension string) string {
	if extension == tfRecordExtension {
		return p.path(name + extension)
	}
	return filepath.Join(p.dir, e.directory(), name+extension)
}

// parts are the names of the parts, without extensions.
func parts() []string {
	var names []string
	for i := range numParts {
		names = append(names, fmt.Sprintf("part-%02d", i))
	}
	return names
}

// run does the experiments of one data set, with n records of it. The data are
// made before and removed afterwards.
func (r *runner) run(ctx context.Context, d dataset, n int, experiments []*experiment) error {
	p := &place{dir: filepath.Join(r.dir, d.name), least: math.MaxInt}
	if err := os.Mkdir(p.dir, 0o777); err != nil {
		return err
	}
	defer os.RemoveAll(p.dir)
	fmt.Fprintf(r.progress, "%s: %d records\n", d.name, n)
	if err := r.prepare(p, d, n); err != nil {
		return err
	}
	var here string // directory of the files that are there
	for _, e := range experiments {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.directory() != here {
			if here != "" {
				os.RemoveAll(p.path(here))
			}
			here = e.directory()
			if err := r.writeFiles(ctx, p, e); err != nil {
				return fmt.Errorf("%s, %s: %w", d.name, e.options(), err)
			}
		}
		if err := r.experiment(p, e); err != nil {
			return fmt.Errorf("%v: %w", e, err)
		}
	}
	return nil
}

// prepare makes the TFRecord files and the permutation.
func (r *runner) prepare(p *place, d dataset, n int) error {
	source := p.path("read" + tfRecordExtension)
	if err := d.write(source, n); err != nil {
		return err
	}
	var err error
	if p.records, err = loadRecords(source); err != nil {
		return err
	}
	for _, record := range p.records {
		p.bytes += int64(len(record))
		p.least = min(p.least, len(record))
	}
	if err := writePermutation(p.path(indicesFile), n); err != nil {
		return err
	}
	if p.indices, err = readPermutation(p.path(indicesFile)); err != nil {
		return err
	}
	for i, part := range parts() {
		records := p.records[n*i/numParts : n*(i+1)/numParts]
		get := func(i int) ([]byte, error) { return records[i], nil }
		if err := writeTFRecord(p.path(part+tfRecordExtension), len(records), get); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles makes the files that are read, in the formats of all peers that take part.
func (r *runner) writeFiles(ctx context.Context, p *place, e *experiment) error {
	if err := os.Mkdir(p.path(e.directory()), 0o777); err != nil {
		return err
	}
	made := map[string]bool{tfRecordExtension: true}
	for _, peer := range r.peers {
		if made[peer.extension] || !peer.reads(e) {
			continue
		}
		made[peer.extension] = true
		names := []string{"read"}
		if e.Group == 1 {
			names = append(names, parts()...)
		}
		for i, name := range names {
			file := p.file(e, name, peer.extension)
			if peer.extension != arrayRecordExtension {
				q := &request{Op: opWrite, File: file, Source: p.path(name + tfRecordExtension), Options: e.options(), Count: 1}
				if _, err := peer.do(q); err != nil {
					return err
				}
				continue
			}
			records := p.records
			if i > 0 {
				records = records[len(records)*(i-1)/numParts : len(records)*i/numParts]
			}
			if err := writeArrayRecord(ctx, file, records, e.options()); err != nil {
				return err
			}
		}
	}
	return nil
}

// request is what a peer is asked to do for an experiment.
func (p *place) request(peer *peer, e *experiment) *request {
	o := e.operation
	q := &request{
		Op: o.op, Options: e.options(), Batch: o.batch, Threads: o.threads, Reuse: o.reuse, Count: 1,
		File: p.file(e, "read", peer.extension), Indices: p.path(indicesFile),
	}
	switch q.Op {
	case opWrite:
		q.Source, q.File = p.path("read"+tfRecordExtension), p.file(e, "out", peer.extension)
	case opConvert:
		q.Source, q.File = p.path("read"+tfRecordExtension), p.file(e, "out", arrayRecordExtension)
	case opSource, opLoader:
		q.File = ""
		for _, part := range parts() {
			q.Files = append(q.Files, p.file(e, part, peer.extension))
		}
	}
	return q
}

// do has a request carried out and checks the answer's numbers.
func (p *place) do(peer *peer, q *request) (*answer, error) {
	if makesFile(q.Op) {
		if err := os.Remove(q.File); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	a, err := peer.do(q)
	if err != nil {
		return nil, err
	}
	check := p.check
	if peer.floor != "" {
		check = p.checkFloor
	}
	if err := check(q, a); err != nil {
		return nil, fmt.Errorf("peer %s: %s: %w", peer.name, q.Op, err)
	}
	return a, nil
}

// check compares an answer's numbers with the data.
func (p *place) check(q *request, a *answer) error {
	n := int64(len(p.records))
	records, bytes := n*int64(q.Count), p.bytes*int64(q.Count)
	switch q.Op {
	case opOpen:
		records, bytes = int64(q.Count), records
	case opBatch, opGet, opSource:
		bytes = 0
		numbers := p.numbers(q)
		records = int64(len(numbers))
		for _, i := range numbers {
			bytes += int64(len(p.records[i]))
		}
	case opLoader:
		records = int64(q.Count * q.Batch)
		bytes = max(a.Bytes, records*int64(p.least)) // the order is the loader's own
	}
	if a.Records != records || a.Bytes != bytes {
		return fmt.Errorf("%d records, %d bytes instead of %d, %d", a.Records, a.Bytes, records, bytes)
	}
	if !q.Verify {
		return nil
	}
	var crc uint32
	if q.Op == opSequential || q.Op == opReadAll {
		for range q.Count {
			for _, record := range p.records {
				crc = crc32.Update(crc, crc32.IEEETable, record)
			}
		}
	} else {
		for _, i := range p.numbers(q) {
			crc = crc32.Update(crc, crc32.IEEETable, p.records[i])
		}
	}
	if a.CRC == nil || *a.CRC != crc {
		return errors.New("the records are not those of the data set")
	}
	return nil
}

// checkFloor is check for a peer that tells no CRC, and that goes on among the
// random numbers where it stopped: other records may be a little longer.
func (p *place) checkFloor(q *request, a *answer) error {
	exact := *q
	exact.Verify = false
	switch q.Op {
	case opOpen:
		a.Bytes = int64(q.Count * len(p.records)) // it tells the size of the index
	case opBatch, opGet:
		expected := p.bytes / int64(len(p.records)) * a.Records
		if a.Bytes < expected*8/10 || a.Bytes > expected*12/10 {
			return fmt.Errorf("%d bytes instead of about %d", a.Bytes, expected)
		}
		exact.Op, exact.Batch, exact.Count = opLoader, 1, q.Count*max(q.Batch, 1)
	}
	return p.check(&exact, a)
}

// numbers are the record numbers that all calls of a request ask for.
func (p *place) numbers(q *request) []int {
	numbers := make([]int, q.Count*max(q.Batch, 1))
	for k := range numbers {
		numbers[k] = p.indices[k%len(p.indices)]
	}
	return numbers
}

// verify has a peer do the operation once, sees that it really does it, and
// gives its answer.
func (r *runner) verify(p *place, peer *peer, q *request) (*answer, error) {
	once := *q
	once.Memory = peer.name == ours
	switch q.Op {
	case opSequential, opReadAll, opBatch, opSource:
		once.Verify = true
	case opGet:
		// Several threads have no order among them: their records are counted only.
		once.Verify, once.Count = q.Threads == 1, 100
	}
	a, err := p.do(peer, &once)
	if err != nil || !makesFile(q.Op) || peer.floor != "" {
		return a, err
	}
	reader := peer
	if filepath.Ext(q.File) == arrayRecordExtension {
		reader = r.peers[0]
	}
	_, err = p.do(reader, &request{Op: opSequential, File: q.File, Options: q.Options, Count: 1, Verify: true})
	return a, err
}

// calibrate verifies, and sets the count with which a peer works for as long as it should.
// It gives the answer of verify.
func (r *runner) calibrate(p *place, peer *peer, q *request) (*answer, error) {
	first, err := r.verify(p, peer, q)
	if err != nil || q.Op != opGet && first.Seconds > r.long.Seconds() {
		return first, err
	}
	for {
		a, err := p.do(peer, q)
		if err != nil {
			return nil, err
		}
		factor := r.long.Seconds() / max(a.Seconds, 1e-9)
		if factor <= 2 {
			q.Count = max(1, int(float64(q.Count)*factor))
			return first, nil
		}
		q.Count = int(float64(q.Count) * min(factor, 20))
	}
}

// experiment lets the peers take turns, and gives out the results.
func (r *runner) experiment(p *place, e *experiment) error {
	var peers []*peer
	var requests []*request
	var memory []*int64
	for _, peer := range r.peers {
		if !peer.does(e) {
			continue
		}
		q := p.request(peer, e)
		first, err := r.calibrate(p, peer, q)
		if err != nil {
			return err
		}
		peers, requests = append(peers, peer), append(requests, q)
		memory = append(memory, first.Memory)
	}
	byPeer := make(map[string][]*result)
	for repetition := range r.repeat {
		for k := range peers {
			k = (k + repetition) % len(peers) // so that nobody always follows the same
			a, err := p.do(peers[k], requests[k])
			if err != nil {
				return err
			}
			line := &result{
				Kind: "result", experiment: *e, Peer: peers[k].name, Repetition: repetition,
				Seconds: a.Seconds, Records: a.Records, Bytes: a.Bytes, Allocs: a.Allocs, Memory: memory[k],
			}
			if err := r.results.Encode(line); err != nil {
				return err
			}
			byPeer[line.Peer] = append(byPeer[line.Peer], line)
		}
	}
	for _, q := range requests {
		if makesFile(q.Op) {
			os.Remove(q.File)
		}
	}
	r.tell(e, peers, byPeer)
	return nil
}

// tell shows the results of an experiment on one line: how much faster this module is than each peer.
func (r *runner) tell(e *experiment, peers []*peer, byPeer map[string][]*result) {
	fmt.Fprintf(r.progress, "  %-12s g%-3d %-11s", e.Codec, e.Group, e.Operation)
	for _, peer := range peers {
		if peer.name == ours {
			fmt.Fprintf(r.progress, " %10s/s", withUnit(1/median(perRecord(byPeer[ours]))))
			continue
		}
		ratio := summarize(ratios(byPeer[peer.name], byPeer[ours]))
		fmt.Fprintf(r.progress, "  %s %s", peer.name, formatRatio(ratio.median))
	}
	fmt.Fprintln(r.progress)
}
