package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func newRecompress(a *app) *cobra.Command {
	var o rewriteFlags
	cmd := &cobra.Command{
		Use:   "recompress FILE... --options OPTIONS -o FILE",
		Short: "Write files with another codec, level or group size",
		Long: `Write files with another codec, level or group size; options that are not given are
those of the first file. Several files go into the directory OUTPUT/, which ends in
a slash, under their own names.`,
		Example: `  arrayrecord recompress in.arrayrecord --options zstd:19 -o out.arrayrecord
  arrayrecord recompress 'raw/*.arrayrecord' --options zstd:9 -o packed/`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return o.rewrite(ctx, a, args, func(w *rewriting) (err error) {
				targets := []target{{name: o.name}}
				files := w.Files()
				if dir, ok := strings.CutSuffix(o.name, "/"); ok {
					if targets, err = intoDirectory(dir, files); err != nil {
						return err
					}
				} else if len(files) > 1 {
					return usagef("--output %s: several files go into a directory, which ends in a slash; 'merge' makes one", o.name)
				}
				for i, f := range files {
					targets[i].spans = []span{{f.Name, f.Skip, f.Skip + f.Take}}
				}
				return w.copyTo(ctx, targets)
			})
		},
	}
	o.addFlags(cmd, "`FILE`, or directory with a slash at its end")
	return cmd
}

// intoDirectory gives the files' names in another directory.
func intoDirectory(dir string, files []arrayrecord.FileInstruction) ([]target, error) {
	var targets []target
	names := map[string]string{}
	for _, f := range files {
		_, base := storage.Split(f.Name)
		if other, taken := names[base]; taken {
			return nil, usagef("%s and %s would both be called %s", other, f.Name, base)
		}
		names[base] = f.Name
		targets = append(targets, target{name: storage.Join(dir, base)})
	}
	return targets, nil
}

// storedBytes is how large the chunks of records are in their files.
func storedBytes(ctx context.Context, spans []span) (int64, error) {
	bytes := int64(0)
	for _, s := range spans {
		r, err := arrayrecord.Open(ctx, s.file)
		if err != nil {
			return 0, err
		}
		begin, _ := chunkOf(r, s.begin)
		_, end := chunkOf(r, s.end-1)
		_, size := r.ChunkExtent(begin, end)
		bytes += size
		r.Close()
	}
	return bytes, nil
}
