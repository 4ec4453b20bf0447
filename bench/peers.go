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
	"strings"
	"time"
)

// requestTimeout is how long a peer may take for one request.
const requestTimeout = 10 * time.Minute

// A contestant is a kind of peer.
type contestant struct {
	name  string
	about string // for the report
	// extension of the files that it reads and writes; ".arrayrecord" ones are made by this module.
	extension string
	script    []string // in bench/peers, with arguments; none for this program itself
	python    []string // files of requirements in bench/peers
	codecs    []string // that its format has; none means all
	grouped   bool     // its format has group sizes
}

const arrayRecordExtension = ".arrayrecord"

var contestants = []contestant{
	{
		name: ours, about: "this module, with default options",
		extension: arrayRecordExtension, grouped: true,
	},
	{
		name: "upstream", about: "array_record from PyPI, each operation with the options its documentation advises",
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
		extension: ".tfrecord", codecs: []string{"uncompressed"},
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

// choose gives the contestants with the names, in their usual order; this module is always among them.
func choose(names []string) ([]contestant, error) {
	for _, name := range names {
		if !slices.Contains(contestantNames(), name) {
			return nil, fmt.Errorf("no peer is called %q; there are %s", name, strings.Join(contestantNames(), ", "))
		}
	}
	var chosen []contestant
	for _, c := range contestants {
		if c.name == ours || slices.Contains(names, c.name) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
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

// start runs a contestant. root is the repository, venv the Python environment of the peers.
func start(c contestant, root, venv string) (*peer, error) {
	var args []string
	if len(c.script) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		args = []string{self, "--serve"}
	} else {
		peers := filepath.Join(root, "bench", "peers")
		setUp := []string{venv}
		for _, name := range c.python {
			setUp = append(setUp, filepath.Join(peers, name))
		}
		script := exec.Command(filepath.Join(peers, "venv.sh"), setUp...)
		script.Stderr = os.Stderr
		if err := script.Run(); err != nil {
			return nil, fmt.Errorf("peer %s: %w", c.name, err)
		}
		args = append([]string{filepath.Join(venv, "bin", "python"), filepath.Join(peers, c.script[0])}, c.script[1:]...)
	}
	return launch(c, args...)
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
	line, err := json.Marshal(q)
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
	if !slices.Contains(p.operations, e.operation.op) || e.operation.threads > 1 && len(p.script) > 0 {
		return false
	}
	if e.operation.op == opConvert {
		return true // to ArrayRecord, whatever the peer's own format
	}
	return (p.grouped || e.Group == 1) && (len(p.codecs) == 0 || slices.Contains(p.codecs, e.Codec))
}
