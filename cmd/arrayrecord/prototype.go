package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

func addTypeFlags(cmd *cobra.Command, typeName, descriptorSet *string) {
	cmd.Flags().StringVar(typeName, "type", "", "`NAME` of the records' protobuf type, such as my.pkg.Message (default what the file's metadata says)")
	cmd.Flags().StringVar(descriptorSet, "descriptor-set", "", "`FILE` with the type, as 'protoc --include_imports --descriptor_set_out FILE' writes it (default the file's metadata)")
}

// metadata is what is known of a riegeli.RecordsMetadata message (docs/format.md section 2.10).
type metadata struct {
	comment, typeName string
	files             []*descriptorpb.FileDescriptorProto
}

func parseMetadata(message []byte) (metadata, error) {
	var m metadata
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return m, protowire.ParseError(n)
		}
		message = message[n:]
		n = protowire.ConsumeFieldValue(number, kind, message)
		if n < 0 {
			return m, protowire.ParseError(n)
		}
		value, _ := protowire.ConsumeBytes(message[:n])
		message = message[n:]
		if kind != protowire.BytesType {
			continue
		}
		switch number {
		case 1:
			m.comment = string(value)
		case 2:
			m.typeName = string(value)
		case 3:
			file := new(descriptorpb.FileDescriptorProto)
			if err := proto.Unmarshal(value, file); err != nil {
				return m, err
			}
			m.files = append(m.files, file)
		}
	}
	return m, nil
}

func readMetadata(ctx context.Context, r *arrayrecord.Reader) (metadata, error) {
	message, ok, err := r.Metadata(ctx)
	if err != nil || !ok {
		if errors.Is(err, arrayrecord.ErrUnsupported) { // the core cannot
			err = nil
		}
		return metadata{}, err
	}
	m, err := parseMetadata(message)
	if err != nil {
		err = fmt.Errorf("%s: metadata: %w", r.Name(), err)
	}
	return m, err
}

// messageType gives the protobuf type of the records of a data source, nil if nobody says. Flags go
// before what the first file says.
func messageType(ctx context.Context, d *arrayrecord.DataSource, typeName, descriptorSet string) (protoreflect.MessageDescriptor, error) {
	var m metadata
	if typeName == "" || descriptorSet == "" {
		r, err := arrayrecord.Open(ctx, d.Files()[0].Name)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		if m, err = readMetadata(ctx, r); err != nil {
			return nil, err
		}
	}
	where := "the file's metadata"
	if descriptorSet != "" {
		data, err := readAll(ctx, descriptorSet)
		if err != nil {
			return nil, err
		}
		var set descriptorpb.FileDescriptorSet
		if err := proto.Unmarshal(data, &set); err != nil {
			return nil, fmt.Errorf("%s: not a set of descriptors: %w", descriptorSet, err)
		}
		m.files, where = set.File, descriptorSet
	}
	switch {
	case typeName != "":
		m.typeName = typeName
	case m.typeName == "" && descriptorSet != "":
		return nil, usagef("--descriptor-set needs --type: the file does not name the type of its records")
	case m.typeName == "" || len(m.files) == 0:
		return nil, nil
	}
	files, err := protodesc.NewFiles(&descriptorpb.FileDescriptorSet{File: m.files})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	found, err := files.FindDescriptorByName(protoreflect.FullName(m.typeName))
	message, ok := found.(protoreflect.MessageDescriptor)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s has no message type %s", where, m.typeName)
	}
	return message, nil
}

// maxWhole is how large a file may be that is read as a whole.
const maxWhole = 64 << 20

func readAll(ctx context.Context, name string) ([]byte, error) {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if o.Size() > maxWhole {
		return nil, fmt.Errorf("%s: %s are too many for a set of descriptors", name, formatBytes(o.Size()))
	}
	data := make([]byte, o.Size())
	if n, err := o.ReadAt(ctx, data, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(data)) {
		return nil, err
	}
	return data, nil
}
