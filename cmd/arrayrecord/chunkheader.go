package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// chunkHeader is what the beginning of a chunk says (docs/format.md sections 2.3, 4, 5.2).
type chunkHeader struct {
	codec      string
	transposed bool
	decoded    int64 // bytes of all records together
}

// chunkHeaders reads the headers of chunks without decoding them.
type chunkHeaders struct {
	storage.Object
	r *arrayrecord.Reader
}

func newChunkHeaders(ctx context.Context, r *arrayrecord.Reader) (*chunkHeaders, error) {
	o, err := storage.Open(ctx, r.Name())
	return &chunkHeaders{o, r}, err
}

const (
	blockSize       = 64 << 10
	blockHeaderSize = 24
	chunkHeaderSize = 40
)

// errNoHeader means that there is no header of the chunk where it should be: it is damaged, or the
// core that is linked does not know where chunks are.
var errNoHeader = errors.New("this is no header of a chunk")

func (c *chunkHeaders) read(ctx context.Context, chunk int) (chunkHeader, error) {
	offset, size := c.r.ChunkExtent(chunk, chunk+1)
	var raw [chunkHeaderSize + 1 + 2*blockHeaderSize]byte
	n, err := c.ReadAt(ctx, raw[:], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return chunkHeader{}, err
	}
	// Block headers are wherever a block begins.
	header := make([]byte, 0, chunkHeaderSize+1)
	for i := 0; i < n && len(header) < cap(header); {
		if (offset+int64(i))%blockSize == 0 {
			i += blockHeaderSize
			continue
		}
		header = append(header, raw[i])
		i++
	}
	if len(header) < cap(header) {
		return chunkHeader{}, errNoHeader
	}
	h := chunkHeader{transposed: header[24] == 't'}
	begin, end := c.r.ChunkRecords(chunk)
	stored, records, decoded := binary.LittleEndian.Uint64(header[8:]), binary.LittleEndian.Uint64(header[24:])>>8, binary.LittleEndian.Uint64(header[32:])
	if !h.transposed && header[24] != 'r' || records != uint64(end-begin) || stored > uint64(size) || decoded >= 1<<62 {
		return chunkHeader{}, errNoHeader
	}
	h.decoded = int64(decoded)
	var known bool
	if h.codec, known = codecs[header[chunkHeaderSize]]; !known {
		h.codec = fmt.Sprintf("unknown (%#02x)", header[chunkHeaderSize])
	}
	return h, nil
}
