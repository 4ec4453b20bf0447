package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Operations of the protocol.
const (
	opHello      = "hello"      // which operations are there? versions of what is measured
	opWrite      = "write"      // the records of Source to File, with Options
	opSequential = "sequential" // File from beginning to end, record by record
	opReadAll    = "read_all"   // all records of File in one call
	opBatch      = "batch"      // Batch records of File per call, at the numbers of Indices
	opGet        = "get"        // one record of File per call, at the numbers of Indices, by Threads threads
	opOpen       = "open"       // File: open it, ask for the number of records, close it
	opSource     = "source"     // Batch records of Files per call, at the numbers of Indices
	opLoader     = "loader"     // Batch records of Files in shuffled order, read ahead, epoch after epoch
	opConvert    = "convert"    // the TFRecord file Source to File, with Options
)

// makesFile tells whether an operation makes the file File of the records of Source.
func makesFile(op string) bool { return op == opWrite || op == opConvert }

// A request asks a peer to do an operation Count times. What it does not take
// the time of, such as opening File in order to read it, is done before the
// clock starts.
type request struct {
	Op      string   `json:"op"`
	File    string   `json:"file,omitempty"`
	Files   []string `json:"files,omitempty"`
	Source  string   `json:"source,omitempty"`  // TFRecord file
	Indices string   `json:"indices,omitempty"` // see writePermutation; call k takes the next Batch of them, from the beginning again after the end
	Options string   `json:"options,omitempty"` // of the writer: group size and codec as for ArrayRecord
	Batch   int      `json:"batch,omitempty"`
	Threads int      `json:"threads,omitempty"`
	Reuse   bool     `json:"reuse,omitempty"` // get, sequential, batch: into the same memory each time
	Count   int      `json:"count"`
	// Verify asks for the CRC of what is read, which may be part of the time then.
	Verify bool `json:"verify,omitempty"`
	// Memory asks for the memory that the operation takes, if the peer can tell. The time is wrong then.
	Memory bool `json:"memory,omitempty"`
}

// An answer tells how long it took to read or write so many records.
type answer struct {
	Op      string  `json:"op"`
	Seconds float64 `json:"seconds"`
	// Records that were read or written; for open the files opened.
	Records int64 `json:"records"`
	// Bytes of these records; for open the sum of the numbers of records.
	Bytes int64 `json:"bytes"`
	// CRC is the CRC-32 (IEEE) of all the records' bytes, in order.
	CRC *uint32 `json:"crc,omitempty"`
	// Allocs is how many pieces of memory were allocated on the heap meanwhile, if the peer knows.
	Allocs *int64 `json:"allocs,omitempty"`
	// Memory is by how many bytes the process was larger meanwhile, at most, than before.
	Memory *int64 `json:"memory,omitempty"`
	// Error is why there is no result.
	Error string `json:"error,omitempty"`

	// For hello.
	Operations []string          `json:"operations,omitempty"`
	Versions   map[string]string `json:"versions,omitempty"`
}

// serve answers the requests of in until it ends.
func serve(in io.Reader, out io.Writer, do func(*request) (*answer, error)) error {
	lines := bufio.NewReader(in)
	encoder := json.NewEncoder(out)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		var q request
		if err := json.Unmarshal(line, &q); err != nil {
			return fmt.Errorf("request %q: %w", line, err)
		}
		a, err := do(&q)
		if err != nil {
			a = &answer{Error: err.Error()}
		}
		a.Op = q.Op
		if err := encoder.Encode(a); err != nil {
			return err
		}
	}
}
