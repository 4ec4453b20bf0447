package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// damageInfo and verifyInfo are what verify and repair print with --json.
type damageInfo struct {
	Kind        arrayrecord.DamageKind `json:"kind"`
	Offset      int64                  `json:"offset"`
	End         int64                  `json:"end"`
	Chunk       *int                   `json:"chunk"`        // null: none, or nothing tells which
	FirstRecord *int                   `json:"first_record"` // null: none, or nothing tells which
	LostRecords *int                   `json:"lost_records"` // null: nothing tells how many
	Reason      string                 `json:"reason"`
}

type verifyInfo struct {
	File    string       `json:"file"`
	Bytes   int64        `json:"bytes"`
	Sound   bool         `json:"sound"`
	Records int          `json:"records"` // that can be read
	Chunks  int          `json:"chunks"`
	Damage  []damageInfo `json:"damage"`
}

func infoOf(r *arrayrecord.Report, shown string) verifyInfo {
	info := verifyInfo{File: shown, Bytes: r.Size, Sound: r.Sound(), Records: r.Records, Chunks: r.Chunks, Damage: []damageInfo{}}
	number := func(n int) *int {
		if n < 0 {
			return nil
		}
		return &n
	}
	for _, d := range r.Damage {
		info.Damage = append(info.Damage, damageInfo{Kind: d.Kind, Offset: d.Offset, End: d.End, Chunk: number(d.Chunk),
			FirstRecord: number(d.FirstRecord), LostRecords: number(d.LostRecords), Reason: d.Reason})
	}
	return info
}

func newVerify(a *app) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "Check everything in files",
		Long: `Read files as a whole and check everything in them: the signature, block headers,
the hashes of all chunks, that every record can be decoded, numbers and sizes, the
index against the chunks, padding, the end of the file, the recorded options.

For a damaged file each damaged place is printed: its bytes, what is damaged, and
which records that costs. 'arrayrecord repair' saves the others. The exit code is
0 if all files are sound, and 1 if one is damaged or cannot be read.`,
		Example: `  arrayrecord verify train.arrayrecord
  arrayrecord verify 'gs://bucket/train-*.arrayrecord'
  arrayrecord verify --json data/ | jq 'select(.sound | not)'`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := a.files(cmd.Context(), args)
			if err != nil {
				return err
			}
			bar := a.progress()
			defer bar.clear()
			var failures []error
			for _, name := range files {
				report, err := arrayrecord.Verify(cmd.Context(), name, bar.of(a.shown(name)))
				bar.clear()
				if err != nil {
					failures = append(failures, err)
					if cmd.Context().Err() != nil {
						break
					}
					continue
				}
				if !report.Sound() {
					failures = append(failures, fmt.Errorf("%s: damaged", a.shown(name)))
				}
				if asJSON {
					err = a.printJSON(infoOf(report, a.shown(name)))
				} else {
					err = a.printReport(report)
				}
				if err != nil {
					return err
				}
			}
			return errors.Join(failures...)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line for each file")
	return cmd
}

// printReport prints a line for a sound file, and one more for each damaged place of another.
func (a *app) printReport(r *arrayrecord.Report) error {
	word := a.screen.paint(green, "sound")
	if !r.Sound() {
		word = a.screen.paint(red, "damaged")
	}
	fmt.Fprintf(a.out, "%s: %s, %s records in %s chunks can be read\n", a.shown(r.File), word, formatCount(r.Records), formatCount(r.Chunks))
	for _, d := range r.Damage {
		fmt.Fprintf(a.out, "  %s\n", d)
	}
	return a.out.Flush()
}
