package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// fileInfo is what info prints of a file.
type fileInfo struct {
	File          string  `json:"file"`
	Bytes         int64   `json:"bytes"`
	Records       int     `json:"records"`
	GroupSize     int     `json:"group_size"`
	Chunks        int     `json:"chunks"`
	WriterOptions *string `json:"writer_options"` // null in files from before October 2022
}

func newInfo(out *bufio.Writer) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info FILE...",
		Short: "Show how many records files have and how they were written",
		Long: `Show how many records files have and how they were written.

Reads only the end of each file. A file that is damaged or of another kind is
reported, and the exit code is 1; the other files are shown all the same.`,
		Example: `  arrayrecord info train.arrayrecord
  arrayrecord info --json train-*.arrayrecord | jq .records`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var failures []error
			for _, name := range args {
				info, err := readInfo(cmd.Context(), name)
				if err != nil {
					failures = append(failures, err)
					continue
				}
				if asJSON {
					err = json.NewEncoder(out).Encode(info)
				} else {
					err = printInfo(out, info)
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

func readInfo(ctx context.Context, name string) (fileInfo, error) {
	r, err := arrayrecord.Open(ctx, name)
	if err != nil {
		return fileInfo{}, err
	}
	defer r.Close()
	stat, err := storage.Stat(ctx, name)
	if err != nil {
		return fileInfo{}, err
	}
	info := fileInfo{File: name, Bytes: stat.Size, Records: r.NumRecords(), GroupSize: r.RecordGroupSize(), Chunks: r.NumChunks()}
	if options, ok := r.WriterOptions(); ok {
		info.WriterOptions = &options
	}
	return info, nil
}

func printInfo(out *bufio.Writer, info fileInfo) error {
	options := "not recorded"
	if info.WriterOptions != nil {
		options = *info.WriterOptions
	}
	perRecord := ""
	if info.Records > 0 {
		perRecord = fmt.Sprintf(" (%s a record)", strconv.FormatFloat(float64(info.Bytes)/float64(info.Records), 'f', 1, 64))
	}
	_, err := fmt.Fprintf(out, "%s\n  records    %d\n  group size %d\n  chunks     %d\n  bytes      %d%s\n  written by %s\n",
		info.File, info.Records, info.GroupSize, info.Chunks, info.Bytes, perRecord, options)
	return err
}
