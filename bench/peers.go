package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// requestTimeout is how long a peer may take for one request.
const requestTimeout = 10 * time.Minute

// mappedArg has the process that serves read by way of a memory map.
const mappedArg = "--mmap"

const (
	arrayRecordExtension = ".arrayrecord"
	tfRecordExtension    = ".tfrecord"
)

// A contestant is a kind of peer.
type contestant struct {
	name  string
	about string // for the report
	// extension of the files that it reads and writes; ".arrayrecord" ones are made by this module.
	extension string
	script    []string // in Python: file in bench/peers, arguments
	python    []string // files of requirements in bench/peers
	codecs    []string // that its format has; none means all
	grouped   bool     // its format has group sizes
	floor     string   // how the floor reads, if that is what it is: "pread" or "mmap"
	arg       string   // of this module's own process
}

var contestants = []contestant{
	{
		name: ours, about: "this module, with default options",
		extension: arrayRecordExtension, grouped: true,
	},
	{
		name: "ours-mmap", about: "this module, files opened with WithMmap",
		extension: arrayRecordExtension, grouped: true, arg: mappedArg,
	},
	{
		name: "floor", about: "bare loops over positional reads, hashes and codecs, into memory that is there already (cpp/benchmarks)",
		extension: arrayRecordExtension, grouped: true, floor: "pread",
	},
	{
		name: "floor-mmap", about: "the same from a memory map that is there already; without checks against shrinking files",
		extension: arrayRecordExtension, grouped: true, floor: "mmap",
	},
	{
		name: "upstream", about: "array_record from PyPI, each operation with the options that its documentation advises",
		extension: arrayRecordExtension, grouped: true,
		script: []string{"array_record_peer.py", "best"}, python: []string{"requirements.txt"},
	},
	{
		name: "upstream-default", about: "array_record from PyPI, default options, single records by `read([i])`",
		extension: arrayRecordExtension, grouped: true,
		script: []string{"array_record_peer.py", "default"}, python: []string{"requirements.txt"},
	},
	{
		name: "bagz", about: "bagz from PyPI: its own format, each record compressed by itself, without checksums",
		extension: ".bagz", codecs: []string{"zstd:3", "uncompressed"},
		script: []string{"bagz_peer.py"}, python: []string{"requirements.txt"},
	},
	{
		name: "tfdata", about: "tf.data from PyPI's tensorflow-cpu: uncompressed TFRecord; conversion goes on to array_record's writer",
		extension: tfRecordExtension, codecs: []string{"uncompressed"},
		script: []string{"tf_data_peer.py"}, python: []string{"requirements.txt", "requirements-tensorflow.txt"},
	},
	{
		name: "grain", about: "Grain's loader from PyPI, over array_record's data source",
		extension: arrayRecordExtension,
		script:    []string{"grain_peer.py"}, python: []string{"requirements.txt"},
	},
}

func contestantNames() []string {
	var names []string
	for _, c := range contestants {
		names = append(names, c.name)
	}
	return names
}

// choose gives the contestants with the names, in their usual order; this module is always the first.
func choose(names []string) []contestant {
	var chosen []contestant
	for _, c := range contestants {
		if c.name == ours || slices.Contains(names, c.name) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// prepare gives the command line of a contestant, after it has made what the
// command needs. root is the repository, venv the Python environment of the
// peers.
func (c *contestant) prepare(root, venv string) ([]string, error) {
	var setUp *exec.Cmd
	var command []string
	switch peers := filepath.Join(root, "bench", "peers"); {
	case c.floor != "":
		setUp = exec.Command("make", "--quiet", "-f", "scripts/floor.mk")
		setUp.Dir = root
		command = []string{filepath.Join(root, "build", "floor"), "--serve"}
	case len(c.script) > 0:
		setUp = exec.Command(filepath.Join(peers, "venv.sh"), venv)
		for _, name := range c.python {
			setUp.Args = append(setUp.Args, filepath.Join(peers, name))
		}
		command = append([]string{filepath.Join(venv, "bin", "python"), filepath.Join(peers, c.script[0])}, c.script[1:]...)
	default:
		self, err := os.Executable()
		command = []string{self, "--serve"}
		if c.arg != "" {
			command = append(command, c.arg)
		}
		return command, err
	}
	setUp.Stdout, setUp.Stderr = os.Stderr, os.Stderr
	if err := setUp.Run(); err != nil {
		return nil, fmt.Errorf("peer %s: %w", c.name, err)
	}
	return command, nil
}

// A peer is a running contestant.
type peer struct {
	contestant
	operations []string
	versions   map[string]string

	process *exec.Cmd
	in      io.WriteCloser
	answers chan string // closed when the process has ended
}

// launch starts the process of a peer and greets it.
func launch(c contestant, args ...string) (*peer, error) {
	p := &peer{contestant: c, process: exec.Command(args[0], args[1:]...), answers: make(chan string)}
	p.process.Stderr = os.Stderr
	p.process.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var err error
	if p.in, err = p.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.process.Start(); err != nil {
		return nil, fmt.Errorf("peer %s: %w", c.name, err)
	}
	go func() {
		defer close(p.answers)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.answers <- lines.Text()
		}
	}()
	if c.floor != "" {
		p.operations = floorOperations
		return p, nil
	}
	hello, err := p.do(&request{Op: opHello})
	if err != nil {
		p.stop()
		return nil, err
	}
	p.operations, p.versions = hello.Operations, hello.Versions
	return p, nil
}

// do sends a request and waits for its answer. Errors name the peer and the operation.
func (p *peer) do(q *request) (*answer, error) {
	var message any = q
	if p.floor != "" {
		message = forFloor(q, p.floor)
	}
	line, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("peer %s: %s: %w", p.name, q.Op, err)
	}
	select {
	case line, ok := <-p.answers:
		if !ok {
			return nil, fmt.Errorf("peer %s: %s: the process has ended", p.name, q.Op)
		}
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, fmt.Errorf("peer %s: %s: answer %q: %w", p.name, q.Op, line, err)
		}
		if a.Error != "" {
			return nil, fmt.Errorf("peer %s: %s: %s", p.name, q.Op, a.Error)
		}
		return &a, nil
	case <-time.After(requestTimeout):
		p.process.Process.Kill()
		return nil, fmt.Errorf("peer %s: %s: no answer within %v", p.name, q.Op, requestTimeout)
	}
}

// stop ends the process. It must not be called while a request is under way.
func (p *peer) stop() error {
	p.in.Close()
	for range p.answers {
	}
	if err := p.process.Wait(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("peer %s: %w", p.name, err)
	}
	return nil
}

// does reports whether the peer takes part in an experiment.
func (p *peer) does(e *experiment) bool {
	switch o := e.operation; {
	case !slices.Contains(p.operations, o.op) || len(p.script) > 0 && (o.threads > 1 || o.reuse):
		return false
	case p.floor == "mmap" && (o.op == opWrite || o.op == opOpen):
		return false // nothing is read, or not by way of the map
	case o.op == opConvert:
		return true // to ArrayRecord, whatever the peer's own format
	}
	return p.reads(e)
}

// reads reports whether the peer's format has the group size and the codec.
func (p *peer) reads(e *experiment) bool {
	return (p.grouped || e.Group == 1) && (len(p.codecs) == 0 || slices.Contains(p.codecs, e.Codec))
}
