package pipelines

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// commands are the pipelines by the names of their commands, and those that
// upstream gives them.
var commands = map[string]func() Pipeline{
	"convert":             func() Pipeline { return NewTFRecordToArrayRecord("", "") },
	"convert-matching":    func() Pipeline { return NewTFRecordToMatchingArrayRecord("", "") },
	"convert-files":       func() Pipeline { return NewTFRecordFilesToArrayRecord("", "") },
	"to-tfrecord":         func() Pipeline { return NewArrayRecordToTFRecord("", "") },
	"to-tfrecord-files":   func() Pipeline { return NewArrayRecordFilesToTFRecord("", "") },
	"reshard":             func() Pipeline { return NewReshard("", "", 0) },
	"shuffle":             func() Pipeline { return NewShuffle("", "", 0) },
	"example-tfrecord":    func() Pipeline { return NewExampleToTFRecord("") },
	"example-arrayrecord": func() Pipeline { return NewExampleToArrayRecord("") },
}

var upstreamNames = map[string]string{
	"convert_tf_to_arrayrecord_disk":              "convert",
	"convert_tf_to_arrayrecord_disk_match_shards": "convert-matching",
	"convert_tf_to_arrayrecord_gcs":               "convert-files",
	"example_to_tfrecord":                         "example-tfrecord",
	"example_to_arrayrecord":                      "example-arrayrecord",
}

// New makes the pipeline of a command of arrayrecord-beam, such as "convert", or
// of the name that it has upstream. The error matches ErrInvalidArgument.
func New(command string) (Pipeline, error) {
	if name, ok := upstreamNames[command]; ok {
		command = name
	}
	if create, ok := commands[command]; ok {
		return create(), nil
	}
	return nil, invalidArgument{fmt.Errorf("unknown pipeline %q", command)}
}

// Parse makes the pipeline of a command from its arguments, as upstream's
// functions of these names do:
//
//	p, runner, err := pipelines.Parse("convert_tf_to_arrayrecord_gcs", os.Args[1:])
//	...
//	beam.Init()
//	result, err := pipelines.Run(ctx, runner, p)
//
// Besides the flags of the pipeline it knows --runner, which is "prism" by
// default, and those of package flag, where Beam and its runners have theirs:
// they are set there. The error matches ErrInvalidArgument; flag.ErrHelp is in
// it if help was asked for.
func Parse(command string, args []string) (p Pipeline, runner string, err error) {
	p, err = New(command)
	if err != nil {
		return nil, "", err
	}
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	p.AddFlags(flags)
	flags.StringVar(&runner, "runner", "prism", "`name` of the runner")
	flag.VisitAll(func(f *flag.Flag) {
		if flags.Lookup(f.Name) == nil {
			flags.Var(global{f}, f.Name, f.Usage)
		}
	})
	if err := flags.Parse(args); err != nil {
		return nil, "", invalidArgument{err}
	}
	if flags.NArg() > 0 {
		return nil, "", invalidArgument{errors.New("unexpected arguments: " + strings.Join(flags.Args(), " "))}
	}
	if !flag.Parsed() {
		// All are set already, but Beam wants to see it done.
		if err := flag.CommandLine.Parse(nil); err != nil {
			return nil, "", err
		}
	}
	return p, RunnerName(runner), nil
}

// global is a flag of package flag, which is set there: Beam hands those on to
// workers that it finds set.
type global struct{ *flag.Flag }

// String gives its value.
func (g global) String() string {
	if g.Flag == nil { // package flag asks a zero one too
		return ""
	}
	return g.Value.String()
}

// Set sets it.
func (g global) Set(value string) error { return flag.Set(g.Name, value) }

// IsBoolFlag reports whether the value may be left out.
func (g global) IsBoolFlag() bool {
	b, ok := g.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
