package sink

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/typex"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/util/reflectx"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
	"google.golang.org/protobuf/proto"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/deadletter"
)

func init() {
	beam.RegisterType(reflect.TypeFor[encodeFn]())
	beam.RegisterType(reflect.TypeFor[partFn]())
	beam.RegisterType(reflect.TypeFor[keyedPartFn]())
	beam.RegisterFunction(fromString)
	beam.RegisterType(reflect.TypeFor[marshalFn]())
	register.Emitter2[string, []byte]()
	register.Emitter1[[]byte]()
}

var (
	messageType = reflect.TypeFor[proto.Message]()
	intType     = reflect.TypeFor[int]()
)

// encode turns the elements into records. The encoder is a function or DoFn for
// beam.ParDo, if it is not nil.
func encode(s beam.Scope, encoder any, col beam.PCollection) (beam.PCollection, error) {
	if encoder != nil {
		cols, err := beam.TryParDo(s, encoder, col)
		if err != nil {
			return col, fmt.Errorf("the encoder: %w", err)
		}
		if len(cols) != 1 || cols[0].Type().Type() != reflectx.ByteSlice {
			return col, fmt.Errorf("the encoder does not return []byte: %v", cols)
		}
		return cols[0], nil
	}
	switch t := col.Type().Type(); {
	case t == reflectx.ByteSlice:
		return col, nil
	case t == reflectx.String:
		return beam.ParDo(s, fromString, col), nil
	case t.Implements(messageType):
		return beam.ParDo(s, &marshalFn{}, col), nil
	}
	return col, needsEncoder(col.Type())
}

func needsEncoder(t beam.FullType) error {
	return fmt.Errorf("the input is a PCollection of %v, not of []byte, string or a protocol buffer message: it needs an encoder", t)
}

func fromString(record string) []byte { return []byte(record) }

// marshalFn serializes messages of any type.
type marshalFn struct{}

// ProcessElement serializes one message, always in the same way.
func (*marshalFn) ProcessElement(_ context.Context, message beam.T) ([]byte, error) {
	return marshal(message.(proto.Message))
}

func marshal(message proto.Message) ([]byte, error) {
	record, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		return nil, fmt.Errorf("serializing %T: %w", message, err)
	}
	return record, nil
}

// elementFuncs are the user's functions of an element. Any of them may be nil.
type elementFuncs struct {
	Encode      *beam.EncodedFunc
	Destination *beam.EncodedFunc
	Shard       *beam.EncodedFunc
	NumShards   int
	// DeadLetters makes errors of single elements elements of a second output.
	DeadLetters bool
}

// newElementFuncs checks the functions against the type of the elements.
func newElementFuncs(o Options, t beam.FullType) (f elementFuncs, err error) {
	element := t.Type()
	if o.Encoder != nil {
		if reflect.TypeOf(o.Encoder).Kind() != reflect.Func {
			return f, fmt.Errorf("the encoder is a %T: with destinations, shards or failures of its own it has to be a function", o.Encoder)
		}
		f.Encode, err = checkFunction("the encoder", o.Encoder, []reflect.Type{element}, reflectx.ByteSlice)
	} else if element != reflectx.ByteSlice && element != reflectx.String && !element.Implements(messageType) {
		err = needsEncoder(t)
	}
	if err == nil && o.Destination != nil {
		f.Destination, err = checkFunction("the destination", o.Destination, []reflect.Type{element}, reflectx.String)
	}
	if err == nil && o.Sharding != nil {
		f.Shard, err = checkFunction("the sharding function", o.Sharding, []reflect.Type{element, intType}, intType)
	}
	f.NumShards, f.DeadLetters = o.Config.NumShards, o.Failures != nil
	return f, err
}

func (f *elementFuncs) encode(ctx context.Context, element any) ([]byte, error) {
	if f.Encode != nil {
		return call[[]byte](ctx, f.Encode, element)
	}
	switch e := element.(type) {
	case []byte:
		return e, nil
	case string:
		return []byte(e), nil
	case proto.Message:
		return marshal(e)
	}
	return nil, fmt.Errorf("no encoder for %T", element)
}

// part finds out where an element belongs.
func (f *elementFuncs) part(ctx context.Context, p part, element any) (part, error) {
	var err error
	if f.Destination != nil {
		if p.Destination, err = call[string](ctx, f.Destination, element); err != nil {
			return p, fmt.Errorf("the destination: %w", err)
		}
	}
	if err := checkDestination(p.Destination); err != nil {
		return p, err
	}
	if f.Shard != nil {
		if p.Shard, err = call[int](ctx, f.Shard, element, f.NumShards); err != nil {
			return p, fmt.Errorf("the shard: %w", err)
		}
		if p.Shard < 0 || p.Shard >= f.NumShards {
			return p, fmt.Errorf("there is no shard %d of %d", p.Shard, f.NumShards)
		}
	}
	return p, nil
}

// checkDestination keeps what comes from data within the directory of the output.
func checkDestination(d string) error {
	if !utf8.ValidString(d) || strings.ContainsRune(d, 0) {
		return fmt.Errorf("the destination %q is not text", d)
	}
	for _, element := range strings.Split(d, "/") {
		if element == ".." || element == "." {
			return fmt.Errorf("the destination %q leads out of the output", d)
		}
	}
	return nil
}

// failed makes a dead letter of an error, or returns it.
func (f *elementFuncs) failed(element any, err error, fail func(deadletter.DeadLetter)) error {
	if !f.DeadLetters {
		return err
	}
	fail(deadletter.Of(element, err))
	return nil
}

// encodeFn makes records of elements.
type encodeFn struct{ Funcs elementFuncs }

// ProcessElement makes one record, or a dead letter.
func (f *encodeFn) ProcessElement(ctx context.Context, element beam.T, emit func([]byte), fail func(deadletter.DeadLetter)) error {
	record, err := f.Funcs.encode(ctx, element)
	if err != nil {
		return f.Funcs.failed(element, err, fail)
	}
	emit(record)
	return nil
}

// partFn makes records of elements, and says where each belongs.
type partFn struct {
	Funcs elementFuncs
	// Windowed: the window of the element is a part of the key.
	Windowed bool

	keys map[part]string
}

// ProcessElement makes one record, or a dead letter.
func (f *partFn) ProcessElement(ctx context.Context, w beam.Window, element beam.T, emit func(string, []byte), fail func(deadletter.DeadLetter)) error {
	return f.process(ctx, w, "", element, emit, fail)
}

func (f *partFn) process(ctx context.Context, w beam.Window, destination string, element any, emit func(string, []byte), fail func(deadletter.DeadLetter)) error {
	p := part{Destination: destination}
	if f.Windowed {
		var err error
		if p.Window, err = newWindow(w); err != nil {
			return err
		}
	}
	p, err := f.Funcs.part(ctx, p, element)
	var record []byte
	if err == nil {
		record, err = f.Funcs.encode(ctx, element)
	}
	if err != nil {
		return f.Funcs.failed(element, err, fail)
	}
	emit(f.key(p), record)
	return nil
}

// key gives the key of a part. It remembers those of late.
func (f *partFn) key(p part) string {
	key, ok := f.keys[p]
	if !ok {
		if f.keys == nil || len(f.keys) >= 10_000 {
			f.keys = map[part]string{}
		}
		key = p.key()
		f.keys[p] = key
	}
	return key
}

// keyedPartFn is partFn for pairs of a destination and an element.
type keyedPartFn struct {
	Funcs    elementFuncs
	Windowed bool

	by partFn
}

// Setup makes the rest of it.
func (f *keyedPartFn) Setup() { f.by = partFn{Funcs: f.Funcs, Windowed: f.Windowed} }

// ProcessElement makes one record, or a dead letter.
func (f *keyedPartFn) ProcessElement(ctx context.Context, w beam.Window, destination string, element beam.T, emit func(string, []byte), fail func(deadletter.DeadLetter)) error {
	return f.by.process(ctx, w, destination, element, emit, fail)
}

// valueType gives the type of what is to be written.
func (o Options) valueType(col beam.PCollection) (beam.FullType, error) {
	t := col.Type()
	if !o.ByKey {
		if typex.IsComposite(t.Type()) {
			return t, fmt.Errorf("the input is a PCollection of %v: only elements of one value can be written, or with destinations by key KV<string, T>", t)
		}
		return t, nil
	}
	if !typex.IsKV(t) || t.Components()[0].Type() != reflectx.String {
		return t, fmt.Errorf("the input is a PCollection of %v: for destinations by key it has to be of KV<string, T>", t)
	}
	return t.Components()[1], nil
}

// records makes records of the input: []byte, or if there are sets KV<string,
// []byte> with the keys of parts, which is if there are many sets. Failures is valid if they are asked for.
func (o Options) records(s beam.Scope, col beam.PCollection, many bool) (records, failures beam.PCollection, err error) {
	// Where records are grouped their windows are theirs, and may merge.
	windowed := o.Windowed && needsRecords(col.WindowingStrategy()) == ""
	if !o.hasDestinations() && o.Sharding == nil && o.Failures == nil {
		records, err = encode(s, o.Encoder, col)
		if err != nil || !o.Windowed {
			return records, failures, err
		}
		records, failures = beam.ParDo2(s, &partFn{Windowed: windowed}, records)
		return records, failures, nil
	}
	t, err := o.valueType(col)
	if err != nil {
		return records, failures, err
	}
	funcs, err := newElementFuncs(o, t)
	if err != nil {
		return records, failures, err
	}
	switch {
	case o.ByKey:
		records, failures = beam.ParDo2(s, &keyedPartFn{Funcs: funcs, Windowed: windowed}, col)
	case many:
		records, failures = beam.ParDo2(s, &partFn{Funcs: funcs, Windowed: windowed}, col)
	default:
		records, failures = beam.ParDo2(s, &encodeFn{Funcs: funcs}, col)
	}
	return records, failures, nil
}
