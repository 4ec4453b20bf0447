package main

import (
	"fmt"
	"runtime"
	"strings"
)

// The operations that cpp/benchmarks has a bare loop for.
var floorOperations = []string{opWrite, opSequential, opReadAll, opBatch, opGet, opOpen}

// A floorRequest is a request in the words of cpp/benchmarks/floor.cc.
type floorRequest struct {
	Op        string `json:"op"`
	File      string `json:"file,omitempty"`
	IO        string `json:"io"`
	Threads   int    `json:"threads"`
	Batch     int    `json:"batch"`
	Count     int    `json:"count"`
	Indices   string `json:"indices,omitempty"`
	Source    string `json:"source,omitempty"`
	Codec     string `json:"codec"`
	GroupSize int    `json:"group_size"`
}

// forFloor translates a request. Where this module uses all processors by
// itself so does the floor. Its writing ends with the compressed chunks, in
// memory.
func forFloor(q *request, io string) *floorRequest {
	f := &floorRequest{
		Op: q.Op, File: q.File, IO: io, Threads: runtime.NumCPU(), Batch: max(q.Batch, 1), Count: q.Count,
		Indices: q.Indices, Source: q.Source,
	}
	var codec string
	if _, err := fmt.Sscanf(strings.ReplaceAll(q.Options, ",", " "), "group_size:%d %s", &f.GroupSize, &codec); err != nil {
		panic("options " + q.Options)
	}
	f.Codec = codec
	switch q.Op {
	case opReadAll:
		f.Op = opSequential
	case opBatch:
		f.Op = "random"
	case opGet:
		f.Threads = q.Threads
	case opOpen:
		f.Threads = 1
	case opWrite:
		f.File = ""
	}
	return f
}
