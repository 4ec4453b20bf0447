package docs_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// A small implementation of format.md, in the page's own terms and for uncompressed data, so that
// the page's pseudo-code is known to work. It shares no code with the library.

// errInvalid is what a failed `require` gives.
var errInvalid = errors.New("invalid")

// must stops the decoding under way; see attempt.
func must(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Errorf("%w: %s", errInvalid, fmt.Sprintf(format, args...)))
	}
}

// attempt runs f up to the first must that fails.
func attempt(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(error)
			if !ok || !errors.Is(e, errInvalid) {
				panic(r)
			}
			err = e
		}
	}()
	f()
	return nil
}

// input is read from the front.
type input []byte

func (in *input) take(n uint64) []byte {
	must(n <= uint64(len(*in)), "%d bytes of %d", n, len(*in))
	front := (*in)[:n]
	*in = (*in)[n:]
	return front
}

func (in *input) byte() byte { return in.take(1)[0] }

// varint reads a varint of at most max bytes, the last of which is at most top (0.1).
func (in *input) varint(max int, top byte) uint64 {
	var v uint64
	for i := 0; ; i++ {
		b := in.byte()
		must(i < max-1 || b <= top, "varint too long")
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			return v
		}
	}
}

func (in *input) varint32() uint64 { return in.varint(5, 0x0f) }
func (in *input) varint64() uint64 { return in.varint(10, 0x01) }

// Section 2.4.

const (
	blockSize   = 65536
	blockHeader = 24
	chunkHeader = 40
)

func rem(p uint64) uint64    { return (blockSize - p%blockSize) % blockSize }
func canBegin(p uint64) bool { return p%blockSize == 0 || p%blockSize > 24 }

func roundUp(p uint64) uint64 {
	if canBegin(p) {
		return p
	}
	return p + (25 - p%blockSize)
}

func advance(p, n uint64) uint64 { return p + n + 24*((n+(p+65511)%65536)/65512) }

func chunkEnd(begin, dataSize, numRecords uint64) uint64 {
	return max(advance(begin, chunkHeader+dataSize), roundUp(begin+numRecords))
}

func distance(p, q uint64) uint64 {
	return (q - min(q%blockSize, 24)) - (p - min(p%blockSize, 24)) - 24*(q/blockSize-p/blockSize)
}

// Sections 2.2 to 2.6.

type chunk struct {
	begin, end                    uint64
	kind                          byte
	dataSize, numRecords, decoded uint64
	data                          []byte
	blockHeaders                  int // inside header and data
}

// readChunk follows the steps of section 2.6.
func readChunk(file []byte, begin, limit uint64) *chunk {
	c := &chunk{begin: begin}
	must(canBegin(begin), "no chunk can begin at %d", begin)
	pos := begin
	type seen struct{ position, next uint64 }
	var headers []seen
	read := func(n uint64) []byte {
		var out []byte
		for uint64(len(out)) < n {
			if pos%blockSize == 0 {
				must(pos+blockHeader <= limit, "past the limit")
				h := file[pos : pos+blockHeader]
				must(binary.LittleEndian.Uint64(h) == hash(h[8:]), "block header hash at %d", pos)
				must(binary.LittleEndian.Uint64(h[8:]) == pos-begin, "previous_chunk at %d", pos)
				headers = append(headers, seen{pos, binary.LittleEndian.Uint64(h[16:])})
				pos += blockHeader
			}
			m := min(n-uint64(len(out)), rem(pos))
			must(pos+m <= limit, "past the limit")
			out = append(out, file[pos:pos+m]...)
			pos += m
		}
		return out
	}
	h := read(chunkHeader)
	must(binary.LittleEndian.Uint64(h) == hash(h[8:]), "chunk header hash at %d", begin)
	c.dataSize = binary.LittleEndian.Uint64(h[8:])
	c.kind = h[24]
	c.numRecords = binary.LittleEndian.Uint64(h[24:]) >> 8
	c.decoded = binary.LittleEndian.Uint64(h[32:])
	must(c.dataSize <= limit-begin && c.numRecords <= limit-begin, "chunk larger than the file")
	c.end = chunkEnd(begin, c.dataSize, c.numRecords)
	must(c.end <= limit, "past the limit")
	if begin == 0 {
		must(c.kind == 's' && c.dataSize|c.numRecords|c.decoded == 0, "signature")
	}
	c.data = read(c.dataSize)
	for _, header := range headers {
		must(header.next == c.end-header.position, "next_chunk at %d", header.position)
	}
	c.blockHeaders = len(headers)
	must(binary.LittleEndian.Uint64(h[16:]) == hash(c.data), "chunk data hash at %d", begin)
	return c
}

// writeChunk appends a chunk to a file (2.5).
func writeChunk(file []byte, kind byte, data []byte, numRecords, decoded uint64) []byte {
	header := make([]byte, chunkHeader)
	binary.LittleEndian.PutUint64(header[8:], uint64(len(data)))
	binary.LittleEndian.PutUint64(header[16:], hash(data))
	binary.LittleEndian.PutUint64(header[24:], uint64(kind)|numRecords<<8)
	binary.LittleEndian.PutUint64(header[32:], decoded)
	binary.LittleEndian.PutUint64(header, hash(header[8:]))
	begin := uint64(len(file))
	end := chunkEnd(begin, uint64(len(data)), numRecords)
	logical := append(header, data...)
	for pos := begin; pos < end; pos = uint64(len(file)) {
		if pos%blockSize == 0 {
			h := make([]byte, blockHeader)
			binary.LittleEndian.PutUint64(h[8:], pos-begin)
			binary.LittleEndian.PutUint64(h[16:], end-pos)
			binary.LittleEndian.PutUint64(h, hash(h[8:]))
			file = append(file, h...)
			pos += blockHeader
		}
		n := min(end-pos, rem(pos))
		have := min(n, uint64(len(logical)))
		file = append(file, logical[:have]...)
		file = append(file, make([]byte, n-have)...)
		logical = logical[have:]
	}
	return file
}

// pad appends padding up to the next block position (2.11).
func pad(file []byte) []byte {
	pos := uint64(len(file))
	if pos%blockSize == 0 {
		return file
	}
	target := pos + rem(pos)
	if rem(pos) < chunkHeader {
		target += blockSize
	}
	file = writeChunk(file, 'p', make([]byte, distance(pos, target)-chunkHeader), 0, 0)
	must(uint64(len(file)) == target, "padding ends at %d, not at %d", len(file), target)
	return file
}

// Section 4, for uncompressed chunks.

func encodeSimple(records [][]byte) []byte {
	var sizes, values []byte
	for _, r := range records {
		sizes = binary.AppendUvarint(sizes, uint64(len(r)))
		values = append(values, r...)
	}
	data := binary.AppendUvarint([]byte{0}, uint64(len(sizes)))
	return append(append(data, sizes...), values...)
}

func decodeSimple(c *chunk) [][]byte {
	in := input(c.data)
	must(in.byte() == 0, "compressed")
	sizes := input(in.take(in.varint64()))
	records := [][]byte{}
	var sum uint64
	for range c.numRecords {
		size := sizes.varint64()
		must(size <= c.decoded-sum, "sizes")
		sum += size
		records = append(records, in.take(size))
	}
	must(len(sizes) == 0 && len(in) == 0 && sum == c.decoded, "sizes")
	return records
}

// Sections 6.1 and 6.2.

func varintField(number int, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3), value)
}

func bytesField(number int, value []byte) []byte {
	out := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(number)<<3|2), uint64(len(value)))
	return append(out, value...)
}

func join(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

const magic = 0x71930e704fdae05e

// A layout is what the end of a file says about its one data chunk.
type layout struct {
	gap             int // bytes between the data chunk and the footer
	metadata, entry []byte
	footerKind      byte
	footerRecords   int // how many of the two
	postscript      []byte
	postscriptKind  byte
}

// fileOf makes a file of one data chunk.
func fileOf(kind byte, data []byte, numRecords, decoded uint64) []byte {
	return fileWith(kind, data, numRecords, decoded, func(*layout) {})
}

// fileWith is fileOf for tests that spoil what the end of the file says.
func fileWith(kind byte, data []byte, numRecords, decoded uint64, spoil func(*layout)) []byte {
	file := writeChunk(nil, 's', nil, 0, 0)
	offset := uint64(len(file))
	file = writeChunk(file, kind, data, numRecords, decoded)
	l := layout{
		metadata:       metadataRecord(1, 1, numRecords),
		entry:          entryRecord(offset, decoded, numRecords),
		footerKind:     'r',
		footerRecords:  2,
		postscript:     join(varintField(1, uint64(len(file))), varintField(2, magic)),
		postscriptKind: 'r',
	}
	spoil(&l)
	if l.gap > 0 {
		file = append(file, make([]byte, l.gap)...)
		l.postscript = join(varintField(1, uint64(len(file))), varintField(2, magic))
	}
	records := [][]byte{l.metadata, l.entry}[:l.footerRecords]
	file = pad(writeChunk(file, l.footerKind, encodeSimple(records), uint64(len(records)), sumSizes(records)))
	copies := [][]byte{l.postscript, l.postscript, l.postscript}
	return pad(writeChunk(file, l.postscriptKind, encodeSimple(copies), 3, sumSizes(copies)))
}

func metadataRecord(version, numChunks, numRecords uint64) []byte {
	return bytesField(1, join(varintField(1, version), varintField(2, numChunks), varintField(3, numRecords), bytesField(4, nil)))
}

func entryRecord(offset, decoded, numRecords uint64) []byte {
	return join(varintField(1, offset), varintField(2, decoded), varintField(3, numRecords))
}

func sumSizes(records [][]byte) uint64 {
	var n uint64
	for _, r := range records {
		n += uint64(len(r))
	}
	return n
}

// fields reads a message that has only varints and bytes; for repeated fields the last counts.
func fields(message []byte) (numbers map[uint64]uint64, strings map[uint64][]byte) {
	numbers, strings = map[uint64]uint64{}, map[uint64][]byte{}
	in := input(message)
	for len(in) > 0 {
		tag := in.varint32()
		switch tag & 7 {
		case 0:
			numbers[tag>>3] = in.varint64()
		case 2:
			strings[tag>>3] = in.take(in.varint64())
		default:
			must(false, "wire type %d", tag&7)
		}
	}
	return numbers, strings
}

// Section 5, for uncompressed chunks.

// step is a visit of a state, and what is left of the output after it.
type step struct{ state, id, pos uint64 }

func decodeTransposed(data []byte, numRecords, decodedSize uint64) (records [][]byte, trace []step) {
	in := input(data)
	must(in.byte() == 0, "compressed")
	h := input(in.take(in.varint64()))

	// 5.4
	numBuckets, numBuffers := h.varint32(), h.varint32()
	must(numBuckets+numBuffers <= uint64(len(h)), "more buckets and buffers than header")
	buckets := make([][]byte, numBuckets)
	for i := range buckets {
		buckets[i] = in.take(h.varint64())
	}
	buffers := make([]input, numBuffers)
	if numBuckets == 0 {
		must(numBuffers == 0, "buffers without buckets")
	} else {
		k, off := uint64(0), uint64(0)
		for j := range buffers {
			size := h.varint64()
			must(size <= uint64(len(buckets[k]))-off, "buffer larger than its bucket")
			buffers[j] = input(buckets[k][off : off+size])
			off += size
			for off == uint64(len(buckets[k])) && k+1 < numBuckets {
				k, off = k+1, 0
			}
		}
		must(k == numBuckets-1 && off == uint64(len(buckets[k])), "buckets larger than their buffers")
	}

	// 5.3
	n := h.varint32()
	must(n >= 1 && 2*n <= uint64(len(h)), "more states than header")
	id, next := make([]uint64, n), make([]uint64, n)
	for i := range id {
		id[i] = h.varint32()
	}
	numSubtypes := uint64(0)
	for i := range next {
		next[i] = h.varint32()
		if id[i] >= 8 && id[i]%8 == 0 {
			numSubtypes++
		}
	}
	subtypes := h.take(numSubtypes)
	sub, buf, implicit := make([]uint64, n), make([]*input, n), make([]bool, n)
	var lengths *input
	for i := range id {
		hasBuffer := id[i] == 1
		if id[i] >= 8 {
			switch id[i] % 8 {
			case 0:
				sub[i] = uint64(subtypes[0])
				subtypes = subtypes[1:]
				must(sub[i] <= 137, "subtype")
				hasBuffer = sub[i] <= 9
			case 1, 2, 5:
				hasBuffer = true
			case 7:
				must(false, "id")
			}
		} else {
			must(id[i] <= 3, "id")
		}
		if hasBuffer {
			b := h.varint32()
			must(b < numBuffers, "buffer index")
			buf[i] = &buffers[b]
		}
		if implicit[i] = next[i] >= n; implicit[i] {
			next[i] -= n
		}
		must(next[i] < n, "next state")
		if id[i] == 1 {
			must(numBuffers >= 1, "lengths")
			lengths = &buffers[numBuffers-1]
		}
	}
	s := h.varint32()
	must(s < n && len(h) == 0, "end of the header")
	for i := range id {
		j := uint64(i)
		for range n {
			if !implicit[j] {
				break
			}
			j = next[j]
		}
		must(!implicit[j], "implicit cycle")
	}
	transitions := in

	// 5.6
	out := make([]byte, decodedSize)
	pos := decodedSize
	var starts []uint64
	type open struct{ end, tag uint64 }
	var stack []open
	prepend := func(b []byte) {
		must(uint64(len(b)) <= pos, "output")
		pos -= uint64(len(b))
		copy(out[pos:], b)
	}
	prependTag := func(tag uint64) { prepend(binary.AppendUvarint(nil, tag)) }
	start := func() {
		must(len(stack) == 0 && uint64(len(starts)) < numRecords, "start of record")
		starts = append(starts, pos)
	}
	visit := func(s uint64) {
		switch {
		case id[s] == 0:
		case id[s] == 1:
			prepend(buf[s].take(lengths.varint32()))
			start()
		case id[s] == 2:
			must(len(stack) > 0, "start of submessage")
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			must(top.end-pos < 1<<32, "submessage")
			prepend(binary.AppendUvarint(nil, top.end-pos))
			prependTag(top.tag)
		case id[s] == 3:
			start()
		case id[s]%8 == 0 && sub[s] <= 9:
			v := append([]byte{}, buf[s].take(sub[s]+1)...)
			for i := range v[:sub[s]] {
				v[i] |= 0x80
			}
			prepend(v)
			prependTag(id[s])
		case id[s]%8 == 0:
			prepend([]byte{byte(sub[s] - 10)})
			prependTag(id[s])
		case id[s]%8 == 1:
			prepend(buf[s].take(8))
			prependTag(id[s])
		case id[s]%8 == 2:
			whole := *buf[s]
			length := buf[s].varint32()
			prefix := uint64(len(whole) - len(*buf[s]))
			must(prefix+length < 1<<32, "string")
			buf[s].take(length)
			prepend(whole[:prefix+length])
			prependTag(id[s])
		case id[s]%8 == 5:
			prepend(buf[s].take(4))
			prependTag(id[s])
		case id[s]%8 == 6:
			stack = append(stack, open{pos, id[s] - 4})
		default:
			prependTag(id[s])
		}
		trace = append(trace, step{s, id[s], pos})
	}
	for repeat := byte(0); ; {
		visit(s)
		if implicit[s] {
			s = next[s]
		} else if repeat > 0 {
			repeat--
			s = next[s]
		} else if len(transitions) == 0 {
			break
		} else {
			b := transitions.byte()
			s = next[s] + uint64(b>>2)
			must(s < n, "transition")
			repeat = b & 3
		}
	}
	must(len(stack) == 0 && uint64(len(starts)) == numRecords && pos == 0, "end")
	end := decodedSize
	if len(starts) == 0 {
		must(decodedSize == 0, "end")
	} else {
		must(starts[len(starts)-1] == 0, "end")
	}
	records = make([][]byte, len(starts))
	for k, begin := range starts {
		records[len(starts)-1-k] = out[begin:end]
		end = begin
	}
	return records, trace
}

// Appendix A.

type highwayHash struct{ v0, v1, mul0, mul1 [4]uint64 }

var hashKey = [4]uint64{0x2f696c6567656952, 0x0a7364726f636572, 0x2f696c6567656952, 0x0a7364726f636572}

func rot32(x uint64) uint64 { return bits.RotateLeft64(x, 32) }

func (h *highwayHash) init(key [4]uint64) {
	h.mul0 = [4]uint64{0xdbe6d5d5fe4cce2f, 0xa4093822299f31d0, 0x13198a2e03707344, 0x243f6a8885a308d3}
	h.mul1 = [4]uint64{0x3bd39e10cb0ef593, 0xc0acf169b5f18a8c, 0xbe5466cf34e90c6c, 0x452821e638d01377}
	for i := range key {
		h.v0[i] = h.mul0[i] ^ key[i]
		h.v1[i] = h.mul1[i] ^ rot32(key[i])
	}
}

func zip(x, y uint64) (uint64, uint64) {
	var s, out [16]byte
	binary.LittleEndian.PutUint64(s[:], x)
	binary.LittleEndian.PutUint64(s[8:], y)
	for i, from := range [16]int{3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7} {
		out[i] = s[from]
	}
	return binary.LittleEndian.Uint64(out[:]), binary.LittleEndian.Uint64(out[8:])
}

func (h *highwayHash) update(a [4]uint64) {
	for i := range a {
		h.v1[i] += h.mul0[i] + a[i]
		h.mul0[i] ^= uint64(uint32(h.v1[i])) * (h.v0[i] >> 32)
		h.v0[i] += h.mul1[i]
		h.mul1[i] ^= uint64(uint32(h.v0[i])) * (h.v1[i] >> 32)
	}
	for k := 0; k < 4; k += 2 {
		a, b := zip(h.v1[k], h.v1[k+1])
		h.v0[k] += a
		h.v0[k+1] += b
	}
	for k := 0; k < 4; k += 2 {
		a, b := zip(h.v0[k], h.v0[k+1])
		h.v1[k] += a
		h.v1[k+1] += b
	}
}

func packet(b []byte) [4]uint64 {
	var a [4]uint64
	for i := range a {
		a[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return a
}

func hash(data []byte) uint64 {
	var h highwayHash
	h.init(hashKey)
	for ; len(data) >= 32; data = data[32:] {
		h.update(packet(data))
	}
	if r := len(data); r > 0 {
		for i := range h.v0 {
			h.v0[i] += uint64(r)<<32 + uint64(r)
			lo, hi := uint32(h.v1[i]), uint32(h.v1[i]>>32)
			h.v1[i] = uint64(bits.RotateLeft32(lo, r)) | uint64(bits.RotateLeft32(hi, r))<<32
		}
		p := make([]byte, 32)
		q := r - r%4
		copy(p, data[:q])
		if r >= 16 {
			copy(p[28:], data[r-4:])
		} else if r%4 > 0 {
			p[16], p[17], p[18] = data[q], data[q+r%4/2], data[r-1]
		}
		h.update(packet(p))
	}
	for range 4 {
		h.update([4]uint64{rot32(h.v0[2]), rot32(h.v0[3]), rot32(h.v0[0]), rot32(h.v0[1])})
	}
	return h.v0[0] + h.v1[0] + h.mul0[0] + h.mul1[0]
}
