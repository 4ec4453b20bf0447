// Package protorecord makes protobuf messages of records.
//
//	for movie, err := range arrayrecord.Decode(r.Scan(ctx, 0, r.NumRecords()), protorecord.Unmarshal[*pb.Movie]) {
//
// tf.train.Examples have a package of their own, tfexample.
package protorecord

import (
	"fmt"

	"google.golang.org/protobuf/proto"
)

// Unmarshal gives a record as a message of the type M, a pointer to a generated struct. The message
// does not share memory with the record.
func Unmarshal[M proto.Message](record []byte) (M, error) {
	var none M // a nil pointer knows its type
	m := none.ProtoReflect().New().Interface().(M)
	if err := proto.Unmarshal(record, m); err != nil {
		return none, fmt.Errorf("not a %s: %w", none.ProtoReflect().Descriptor().FullName(), err)
	}
	return m, nil
}
