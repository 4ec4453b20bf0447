package arrayrecord

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/arrayrecord/arrayrecord-go/arrayrecord/internal/core"
	"github.com/arrayrecord/arrayrecord-go/internal/ahead"
	"github.com/arrayrecord/arrayrecord-go/internal/settings"
	"github.com/arrayrecord/arrayrecord-go/storage"
)

// Append goes on with a complete file on local disk: records that are written come after those that
// are there, which are not written again, but for those of a last chunk that does not fill a group.
// NumRecords of the Writer counts the new ones only.
//
// The file is what it was until Close has succeeded, and after Abort, or an error, it is that again; only
// if nothing but the last sync fails it may be the longer one.
// It can be read meanwhile, as it was; only a reader that has opened it before may find the last
// chunk damaged, if that did not fill a group. A killed program leaves a file that opens as it was,
// with bytes in it that are no part of it: [Verify] tells of them, and the next Append removes them.
// Only if it was killed while it wrote the old end once more, or if power failed then, the file must
// be repaired, which gives all records that were there ([Repair]).
//
// The settings are those that the file has recorded; options override them, except for the group
// size, which must be that of the file. Errors match fs.ErrNotExist, ErrInvalidOption, ErrUnsupported
// (an object in a bucket, which nothing can change: write one more file, or a new one by
// [Writer.CopyChunks]), or are those of [Open]. A second Append at the same time fails.
func Append(ctx context.Context, name string, opts ...WriterOption) (*Writer, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("arrayrecord: %s%w", prefix(name), ahead.ContextError(ctx))
	}
	given, err := applyWriterOptions(opts)
	if err != nil {
		return nil, err
	}
	if storage.Scheme(name) != "" {
		return nil, wrap(ErrUnsupported, name, "objects cannot be changed; write one more file instead, or a new one with CopyChunks")
	}
	if !core.Can(core.CanAppend) {
		return nil, wrap(ErrUnsupported, name, "the core that is linked cannot append")
	}
	// Looks at what it is, and says what is wrong with it.
	r, err := Open(ctx, name)
	if err != nil {
		return nil, err
	}
	options, err := optionsToAppend(r, given)
	if err := errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("arrayrecord: %w", err)
	}
	w := &Writer{ctx: ctx, name: name, groups: groupsOf(options), upload: appended{f}}
	if w.core, err = core.NewAppendWriter(f, options.core(), options.NoSync); err != nil {
		f.Close()
		return nil, fileError(name, err)
	}
	w.attach()
	return w, nil
}

// appended is a file that has its name already.
type appended struct{ f *os.File }

func (a appended) File() *os.File              { return a.f }
func (a appended) Write(p []byte) (int, error) { return a.f.Write(p) }
func (a appended) Commit() error               { return a.f.Close() }
func (a appended) Abort() error                { return a.f.Close() }

// optionsToAppend are the options of a file, with those given in their place.
func optionsToAppend(r *Reader, given WriterOptions) (WriterOptions, error) {
	o := given
	if text, ok := r.WriterOptions(); ok {
		recorded, err := ParseWriterOptions(text)
		if err != nil {
			return o, wrap(ErrInvalidOption, r.name, "the recorded options: "+strings.TrimPrefix(err.Error(), ErrInvalidOption.Error()+": "))
		}
		recorded.MaxParallelism = 0
		if given.GroupSize != 0 && given.GroupSize != recorded.GroupSize {
			return o, wrap(ErrInvalidOption, r.name, fmt.Sprintf("group_size:%d for a file with group_size:%d", given.GroupSize, recorded.GroupSize))
		}
		settings.Fill(&o, recorded)
	} else if o.GroupSize == 0 {
		o.GroupSize = max(r.RecordGroupSize(), 1)
	}
	return o, nil
}
