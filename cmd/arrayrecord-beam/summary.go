package main

import (
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

// printSummary says what a job did.
func printSummary(out io.Writer, r pipelines.Result) error {
	if !r.Finished && isDryRun() {
		_, err := fmt.Fprintln(out, "dry run: nothing was submitted")
		return err
	}
	if !r.Finished {
		_, err := fmt.Fprintln(out, "submitted; the runner reports what becomes of it")
		return err
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(what string, files, records, bytes int64) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", what,
			plural(files, "file"), plural(records, "record"), formatBytes(bytes))
	}
	row("read", r.FilesRead, r.RecordsRead, r.BytesRead)
	row("wrote", r.FilesWritten, r.RecordsWritten, r.BytesWritten)
	if r.FilesFailed > 0 {
		fmt.Fprintf(w, "skipped\t%s\t\t\t\n", plural(r.FilesFailed, "file"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(&b, "   took  %s", r.Elapsed.Round(time.Millisecond))
	if s := r.Elapsed.Seconds(); s > 0 {
		fmt.Fprintf(&b, ", %.0f records/s, %s/s read", float64(r.RecordsRead)/s, formatBytes(int64(float64(r.BytesRead)/s)))
	}
	b.WriteString("\n")
	for i, name := range r.Outputs {
		if i == listed-1 && len(r.Outputs) > listed {
			fmt.Fprintf(&b, "...\n%s\n", r.Outputs[len(r.Outputs)-1])
			break
		}
		fmt.Fprintln(&b, name)
	}
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
