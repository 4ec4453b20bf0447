package sink

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

// A record is the decision of a run which temporary files become which shards.
// It is an object beside the shards, hidden, made once and never changed:
//
//	.train-SSSSS-of-NNNNN.arrayrecord.000007.commit
//
// The number counts the writes of this set of names. Other objects of the same
// name but for their ends say what became of it: .checked whether the policy for
// overwriting lets it go on, .done that all shards have their names.
type record struct {
	Run       string // who decided
	Pipeline  string // what Run is a run of
	Set       shardSet
	Overwrite Overwrite
	Moves     []move
	TempDirs  []string // to be removed in the end
	// Abandoned says that the run was given up before it decided anything.
	Abandoned bool
}

// The ends of names.
const (
	endCommit  = "commit"
	endChecked = "checked"
	endDone    = "done"
)

// A verdict is what .checked holds.
type verdict struct{ Refused bool }

// entry is what is there of the record of a number.
type entry struct {
	number  int
	record  *record  // nil if only its outcome is there
	verdict *verdict // nil if there is none, yet or for good
	done    bool
}

// void reports whether nothing can become of it any more.
func (e entry) void() bool {
	return e.record != nil && e.record.Abandoned || e.verdict != nil && e.verdict.Refused
}

// open reports whether something may still become of it.
func (e entry) open() bool { return e.record != nil && !e.done && !e.void() }

var recordEnd = regexp.MustCompile(`^\.([0-9]{6,})\.(commit|checked|done)$`)

func (s shardSet) recordName(number int, what string) string {
	dir, _ := storage.Split(s.Prefix)
	return storage.Join(dir, fmt.Sprintf("%s.%06d.%s", s.recordBase(), number, what))
}

// errRemoved says that a record was listed and is not there any more.
var errRemoved = errors.New("the record was removed meanwhile")

// recordList reads all records, the oldest first.
func (s shardSet) recordList(ctx context.Context) ([]entry, error) {
	for {
		list, err := s.tryRecordList(ctx)
		if !errors.Is(err, errRemoved) {
			return list, err
		}
	}
}

func (s shardSet) tryRecordList(ctx context.Context) ([]entry, error) {
	dir, _ := storage.Split(s.Prefix)
	base := s.recordBase()
	infos, err := storage.List(ctx, storage.Join(escape(dir), escape(base)+".*"))
	if err != nil {
		return nil, err
	}
	byNumber := map[int]*entry{}
	for _, info := range infos {
		_, name := storage.Split(info.Name)
		parts := recordEnd.FindStringSubmatch(name[len(base):])
		if parts == nil {
			continue
		}
		number, err := strconv.Atoi(parts[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Name, err)
		}
		e := byNumber[number]
		if e == nil {
			e = &entry{number: number}
			byNumber[number] = e
		}
		switch parts[2] {
		case endDone:
			e.done = true
		case endChecked:
			e.verdict = new(verdict)
			err = readJSON(ctx, info.Name, e.verdict)
		case endCommit:
			e.record = new(record)
			err = readJSON(ctx, info.Name, e.record)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, errRemoved
		}
		if err != nil {
			return nil, err
		}
	}
	var list []entry
	for _, e := range byNumber {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b entry) int { return a.number - b.number })
	return list, nil
}

// forgetRecord removes an entry. The outcome goes last: without it the record
// would look as if there was something left to do.
func (s shardSet) forgetRecord(ctx context.Context, number int) error {
	for _, end := range []string{endCommit, endChecked, endDone} {
		if err := storage.Remove(ctx, s.recordName(number, end)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// createOnce makes an object that nobody may have made before, else it fails
// with fs.ErrExist.
func createOnce(ctx context.Context, name string, content any) error {
	data, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	u, err := storage.Create(ctx, name, storage.CreateOptions{NoOverwrite: true})
	if err != nil {
		return err
	}
	if _, err := u.Write(data); err != nil {
		return errors.Join(err, u.Abort())
	}
	return u.Commit()
}

func readJSON(ctx context.Context, name string, into any) error {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return err
	}
	defer o.Close()
	data := make([]byte, o.Size())
	if _, err := io.ReadFull(io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size()), data); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
