package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/arrayrecord/arrayrecord-go/beam/pipelines"
)

// listed is how many files a summary names.
const listed = 10

// printResult says what a job did, in the form that --summary asks for.
func (j *jobFlags) printResult(out io.Writer, r pipelines.Result) error {
	if j.summary == "json" {
		return printJSON(out, r)
	}
	return printSummary(out, r)
}

// printPlan says what a job would do.
func (j *jobFlags) printPlan(out io.Writer, plan pipelines.Plan) error {
	if j.summary == "json" {
		return printJSON(out, plan)
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "would read\t%s\t%s\t\n", plural(int64(len(plan.Inputs)-plan.Kept), "file"), formatBytes(plan.Bytes))
	if plan.Kept > 0 {
		fmt.Fprintf(w, "keep\t%s\tthat are there\t\n", plural(int64(plan.Kept), "output"))
	}
	switch {
	case plan.Shards > 0:
		fmt.Fprintf(w, "write\t%s\t\t\n", plural(int64(plan.Shards), "shard"))
	case plan.Shards < 0:
		fmt.Fprint(w, "write\tas many shards as the runner makes\t\t\n")
	default:
		fmt.Fprintf(w, "write\t%s\t\t\n", plural(int64(len(plan.Outputs)), "file"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	inputs := make([]string, len(plan.Inputs))
	for i, input := range plan.Inputs {
		inputs[i] = fmt.Sprintf("%s  %s", input.Name, formatBytes(input.Bytes))
		if input.Output != "" {
			inputs[i] += "  -> " + input.Output
		}
		if input.Kept {
			inputs[i] += " (kept)"
		}
	}
	listSome(&b, inputs)
	if plan.Shards != 0 {
		listSome(&b, plan.Outputs)
	}
	b.WriteString("dry run: nothing was submitted\n")
	_, err := io.WriteString(out, b.String())
	return err
}

// listSome lists the first ones and the last one.
func listSome(b *strings.Builder, all []string) {
	for i, one := range all {
		if i == listed-1 && len(all) > listed {
			fmt.Fprintf(b, "...\n%s\n", all[len(all)-1])
			return
		}
		fmt.Fprintln(b, one)
	}
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printSummary says what a job did.
func printSummary(out io.Writer, r pipelines.Result) error {
	if !r.Finished {
		_, err := fmt.Fprintln(out, strings.TrimSpace("submitted "+r.JobID)+"; the runner reports what becomes of it")
		return err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, files, records, bytes int64) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", what,
			plural(files, "file"), plural(records, "record"), formatBytes(bytes))
	}
	hasInput := r.FilesRead+r.RecordsRead+r.BytesRead > 0
	if hasInput {
		row("read", r.FilesRead, r.RecordsRead, r.BytesRead)
	}
	row("wrote", r.FilesWritten, r.RecordsWritten, r.BytesWritten)
	for _, left := range []struct {
		what, unit string
		n          int64
	}{{"kept", "file", r.FilesKept}, {"skipped", "file", r.FilesFailed}, {"skipped", "chunk", r.ChunksFailed}} {
		if left.n > 0 {
			fmt.Fprintf(w, "%s\t%s\t\t\t\n", left.what, plural(left.n, left.unit))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&b, "   took  %s", r.Elapsed.Round(time.Millisecond))
	if s := r.Elapsed.Seconds(); s > 0 && hasInput {
		fmt.Fprintf(&b, ", %.0f records/s, %s/s read", float64(r.RecordsRead)/s, formatBytes(int64(float64(r.BytesRead)/s)))
	}
	b.WriteString("\n")
	if r.DeadLetters != "" {
		fmt.Fprintf(&b, "what was skipped, and why: %s\n", r.DeadLetters)
	}
	listSome(&b, r.Outputs)
	_, err := io.WriteString(out, b.String())
	return err
}

func isDryRun() bool {
	f := flag.Lookup("dry_run") // of Dataflow
	return f != nil && f.Value.String() == "true"
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func formatBytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	x, unit := float64(n)/1024, 0
	for x >= 1024 {
		x, unit = x/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", x, units[unit])
}
