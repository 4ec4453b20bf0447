// Package tfrecord reads and writes TFRecord files, TensorFlow's format for a
// sequence of byte records, plain or compressed as a whole.
//
// A file is its records one after the other, nothing else; each is
//
//	┌────────────────┬───────────────────┬───────────────┬────────────────┐
//	│ length (8)     │ CRC of length (4) │ data (length) │ CRC of data (4)│
//	└────────────────┴───────────────────┴───────────────┴────────────────┘
//
// with all numbers little-endian. The CRCs are CRC-32C, masked: rotated right
// by 15 bits, plus 0xa282ead8, so that a CRC of bytes that hold a CRC keeps its
// strength. There is no header, no footer and no index. A compressed file is
// one such stream inside gzip, zlib, bzip2 or Zstandard; the last two are read
// only.
//
// Reading a file:
//
//	r, err := tfrecord.NewReader(file) // finds out the compression
//	if err != nil {
//		return err
//	}
//	for record, err := range r.Scan() {
//		if err != nil {
//			return err // names the record and its offset
//		}
//		use(record) // valid until the next turn of the loop; from Records, to keep
//	}
//
// Writing one:
//
//	w, err := tfrecord.NewWriter(file, tfrecord.WithCompression(tfrecord.Gzip))
//	...
//	err = w.Write(record)
//	...
//	err = w.Close() // does not close file
//
// A Reader and a Writer serve one goroutine at a time; different ones are
// independent of each other.
package tfrecord
