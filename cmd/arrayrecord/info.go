package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
)

// fileInfo is what info prints of a file.
type fileInfo struct {
	File          string  `json:"file"`
	Bytes         int64   `json:"bytes"`
	Records       int     `json:"records"`
	GroupSize     int     `json:"group_size"`
	Chunks        int     `json:"chunks"`
	Codec         string  `json:"codec"` // "" without records
	Transposed    bool    `json:"transposed"`
	DecodedBytes  int64   `json:"decoded_bytes"`  // of all records
	Estimated     bool    `json:"estimated"`      // DecodedBytes is, from some of the chunks
	WriterOptions *string `json:"writer_options"` // null in files from before October 2022
	Comment       string  `json:"comment,omitempty"`
	RecordType    string  `json:"record_type,omitempty"`
}

// ratio says how many times smaller than its records the file is.
func (i fileInfo) ratio() string {
	if i.Bytes == 0 || i.Records == 0 || i.Codec == "" {
		return "-"
	}
	about := ""
	if i.Estimated {
		about = "~"
	}
	return fmt.Sprintf("%s%.2f", about, float64(i.DecodedBytes)/float64(i.Bytes))
}

func (i fileInfo) codec() string {
	switch {
	case i.Codec == "":
		return "-"
	case i.Transposed:
		return i.Codec + ", transposed"
	}
	return i.Codec
}

// add adds a file to a total.
func (i *fileInfo) add(more fileInfo) {
	if i.File == "" {
		i.Codec, i.Transposed, i.GroupSize = more.codec(), false, more.GroupSize
	}
	if i.Codec != more.codec() {
		i.Codec = "various"
	}
	if i.GroupSize != more.GroupSize {
		i.GroupSize = 0
	}
	i.File = "total"
	i.Bytes += more.Bytes
	i.Records += more.Records
	i.Chunks += more.Chunks
	i.DecodedBytes += more.DecodedBytes
	i.Estimated = i.Estimated || more.Estimated
}

func newInfo(a *app) *cobra.Command {
	return newInfoCommand(a, &cobra.Command{
		Use:   "info FILE...",
		Short: "Show how many records files have and how they were written",
		Long: `Show how many records files have and how they were written: everything for one
file, a line each and the total for several.

Reads the end of each file, and the headers of at most 64 of its chunks: where there
are more, the ratio is an estimate and has a "~". The ratio is the size of the
records divided by that of the file. A file that is damaged or of another kind is
reported, and the exit code is 1; the others are shown all the same.`,
		Example: `  arrayrecord info train.arrayrecord
  arrayrecord info data/
  arrayrecord info --json 'train-*.arrayrecord' | jq .records`,
	}, false)
}

func newLs(a *app) *cobra.Command {
	return newInfoCommand(a, &cobra.Command{
		Use:     "ls [FILE...]",
		Aliases: []string{"du"},
		Short:   "List files with their records and sizes",
		Long: `List files with their records and sizes, a line each, and the total of several;
without arguments those in the working directory and below it.`,
		Example: `  arrayrecord ls
  arrayrecord ls gs://bucket/data/`,
	}, true)
}

func newInfoCommand(a *app, cmd *cobra.Command, list bool) *cobra.Command {
	var asJSON bool
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if list {
			return nil
		}
		return atLeast(1, "file name")(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		var failures []error
		var files []string
		for _, arg := range args {
			more, err := a.files(cmd.Context(), []string{arg})
			if err != nil {
				failures = append(failures, err)
			}
			files = append(files, more...)
		}
		t := newTable(a, "records", "size", "ratio", "group", "codec", "file")
		var total fileInfo
		rows := 0
		for _, name := range files {
			info, err := a.readInfo(cmd.Context(), name)
			if err != nil {
				failures = append(failures, err)
				continue
			}
			switch {
			case asJSON:
				err = a.printJSON(info)
			case len(files) == 1 && !list:
				err = a.printInfo(info)
			default:
				total.add(info)
				rows++
				err = t.row(infoRow(info)...)
			}
			if err != nil {
				return err
			}
		}
		if rows > 1 {
			if err := t.row(infoRow(total)...); err != nil {
				return err
			}
		}
		failures = append(failures, t.flush())
		return errors.Join(failures...)
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line for each file")
	return cmd
}

func infoRow(i fileInfo) []string {
	group := "-"
	if i.GroupSize > 0 {
		group = formatCount(i.GroupSize)
	}
	return []string{formatCount(i.Records), formatBytes(i.Bytes), i.ratio(), group, i.codec(), i.File}
}

func (a *app) readInfo(ctx context.Context, name string) (fileInfo, error) {
	r, err := a.openFile(ctx, name)
	if err != nil {
		return fileInfo{}, err
	}
	defer r.Close()
	info := fileInfo{File: a.shown(name), Bytes: r.Size(), Records: r.NumRecords(), GroupSize: r.RecordGroupSize(), Chunks: r.NumChunks()}
	if options, ok := r.WriterOptions(); ok {
		info.WriterOptions = &options
	}
	if err := readChunkHeaders(ctx, r, &info); err != nil {
		return fileInfo{}, err
	}
	m, err := readMetadata(ctx, r)
	if err != nil {
		return fileInfo{}, err
	}
	info.Comment, info.RecordType = m.comment, m.typeName
	return info, nil
}

func (a *app) printInfo(info fileInfo) error {
	row := func(what, format string, args ...any) {
		fmt.Fprintf(a.out, "  %-10s %s\n", what, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(a.out, a.screen.paint(bold, info.File))
	row("records", "%s", formatCount(info.Records))
	row("group size", "%s", formatCount(info.GroupSize))
	row("chunks", "%s", formatCount(info.Chunks))
	row("size", "%s (%s bytes)", formatBytes(info.Bytes), formatCount(info.Bytes))
	if info.Records > 0 {
		decoded := ""
		if info.Codec != "" {
			decoded = fmt.Sprintf(", %.1f decoded", float64(info.DecodedBytes)/float64(info.Records))
		}
		row("a record", "%.1f bytes in the file%s", float64(info.Bytes)/float64(info.Records), decoded)
		row("ratio", "%s", info.ratio())
		row("codec", "%s", info.codec())
	}
	if info.WriterOptions != nil {
		row("written by", "%s", *info.WriterOptions)
	} else {
		row("written by", "not recorded")
	}
	if info.RecordType != "" {
		row("type", "%s", info.RecordType)
	}
	if info.Comment != "" {
		row("comment", "%s", escape([]byte(info.Comment)))
	}
	return a.out.Flush()
}

var codecs = map[byte]string{0: "uncompressed", 'z': "zstd", 'b': "brotli", 's': "snappy"}

// maxHeaders is how many chunks are looked at for the size of the records.
const maxHeaders = 64

// readChunkHeaders finds out the codec and the size of the records from the chunks' headers.
func readChunkHeaders(ctx context.Context, r *arrayrecord.Reader, info *fileInfo) error {
	n := r.NumChunks()
	if n == 0 {
		return nil
	}
	look := min(n, maxHeaders)
	info.Estimated = look < n
	records, bytes := 0, int64(0)
	headers, err := newChunkHeaders(ctx, r)
	if err != nil {
		return err
	}
	defer headers.Close()
	for i := range look {
		chunk := i * n / look
		h, err := headers.read(ctx, chunk)
		if errors.Is(err, errNoHeader) {
			info.Estimated = true
			continue
		}
		if err != nil {
			return err
		}
		if info.Codec == "" {
			info.Codec, info.Transposed = h.codec, h.transposed
		}
		begin, end := r.ChunkRecords(chunk)
		records += end - begin
		bytes += h.decoded
	}
	if records == 0 {
		return nil
	}
	info.DecodedBytes = int64(float64(bytes) * float64(info.Records) / float64(records))
	return nil
}
