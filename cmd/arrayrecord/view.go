package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

func newView(a *app) *cobra.Command {
	var listen, file string
	var images []string
	var typeName, descriptorSet string
	cmd := &cobra.Command{
		Use:   "view FILE...",
		Short: "Look at files in a browser",
		Long: `Show files in a browser: sizes, a histogram, a map of chunks, and the records, page by
page and by search. tf.train.Examples are shown as fields, JPEG, PNG, GIF and WebP
as pictures, WAV, FLAC, Ogg and MP3 as sound, text as text, the rest as hex. Byte
strings and lists of numbers that have the shape of a picture are pictures too:
that of --image, or of features such as "height", "width" and "channels", or "shape".

The page is served on this machine only, at an address with a secret token that is
printed, until the program is interrupted. --html writes it to a file instead, with
the first records in it.`,
		Example: `  arrayrecord view train.arrayrecord
  arrayrecord view 'gs://bucket/train-*.arrayrecord' --image pixels=28x28
  arrayrecord view train.arrayrecord --html train.html`,
		Args: atLeast(1, "file name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			shapes, err := parseShapes(images)
			if err != nil {
				return err
			}
			if err := checkName(file); err != nil {
				return err
			}
			d, err := a.open(ctx, args...)
			if err != nil {
				return err
			}
			defer d.Close()
			message, err := messageType(ctx, d, typeName, descriptorSet)
			if err != nil {
				return err
			}
			v, err := newViewer(ctx, a, d, args)
			if err != nil {
				return err
			}
			v.shapes, v.message = shapes, message
			if file != "" {
				return v.writeHTML(ctx, file)
			}
			return v.serve(ctx, listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to serve at; port 0 is any free one")
	cmd.Flags().StringVar(&file, "html", "", "write the page to `FILE`, - for standard output")
	cmd.Flags().StringArrayVar(&images, "image", nil, "`FEATURE=SHAPE` of raw pictures, such as pixels=28x28 or rgb=64x64x3; may be given several times")
	addTypeFlags(cmd, &typeName, &descriptorSet)
	return cmd
}

// serve serves the page until the context ends.
func (v *viewer) serve(ctx context.Context, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("--listen %s: %w", address, err)
	}
	defer l.Close()
	token := rand.Text()
	s := &http.Server{Handler: v.handler(token, l.Addr().String()), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10, BaseContext: func(net.Listener) context.Context { return ctx }}
	if _, err := fmt.Fprintf(v.a.out, "http://%s/?token=%s\n", l.Addr(), token); err != nil {
		return err
	}
	if err := v.a.out.Flush(); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { s.Close() })()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// writeHTML writes the page as one file.
func (v *viewer) writeHTML(ctx context.Context, name string) error {
	page, err := v.staticPage(ctx)
	if err != nil {
		return err
	}
	if name == "-" {
		_, err := v.a.out.Write(page)
		return err
	}
	upload, err := storage.Create(ctx, name, storage.CreateOptions{})
	if err != nil {
		return err
	}
	defer upload.Abort()
	if _, err := upload.Write(page); err != nil {
		return err
	}
	return upload.Commit()
}
