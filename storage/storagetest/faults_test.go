package storagetest

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

func TestFaultsWithoutFaultsIsASystem(t *testing.T) {
	f := NewFaults()
	TestSystem(t, func(t *testing.T) string { return f.TempDir(t) })
}

var errInjected = errors.New("injected")

func TestEachFaultFailsItsOperationOnly(t *testing.T) {
	ctx := t.Context()
	for _, op := range []Op{OpOpen, OpRead, OpCreate, OpWrite, OpCommit, OpList, OpStat, OpRename, OpRemove, OpRemoveAll, OpClean} {
		t.Run(string(op), func(t *testing.T) {
			f := NewFaults()
			dir := f.TempDir(t)
			name := storage.Join(dir, "victim")
			Put(t, name, []byte("x"))
			Put(t, storage.Join(dir, "bystander"), []byte("y"))
			f.Inject(Fault{Op: op, Name: "victim", Err: errInjected})

			results := map[Op]error{}
			o, err := storage.Open(ctx, name)
			results[OpOpen] = err
			if err == nil {
				_, results[OpRead] = o.ReadAt(ctx, make([]byte, 1), 0)
				require.NoError(t, o.Close())
			}
			u, err := storage.Create(ctx, name, storage.CreateOptions{})
			results[OpCreate] = err
			if err == nil {
				_, results[OpWrite] = u.Write([]byte("z"))
				results[OpCommit] = u.Commit()
			}
			_, results[OpList] = storage.List(ctx, name)
			_, results[OpStat] = storage.Stat(ctx, name)
			results[OpRename] = storage.Rename(ctx, name, name+"2")
			if results[OpRename] == nil {
				require.NoError(t, storage.Rename(ctx, name+"2", name))
			}
			require.NoError(t, os.MkdirAll(f.Path(name)+"-dir", 0o777))
			_, results[OpClean] = storage.RemoveStale(ctx, name+"-dir", storage.StaleOptions{})
			results[OpRemove] = storage.Remove(ctx, name)
			results[OpRemoveAll] = storage.RemoveAll(ctx, name)
			for tried, err := range results {
				if tried == op {
					assert.ErrorIs(t, err, errInjected)
				} else {
					assert.NoError(t, err, tried)
				}
			}
			assert.Equal(t, "y", string(Get(t, storage.Join(dir, "bystander"))))
			assert.Positive(t, f.Count(op))
			f.Heal()
			Put(t, name, []byte("healed"))
		})
	}
}

func TestFaultSkipCountAndAfter(t *testing.T) {
	f := NewFaults()
	dir := f.TempDir(t)
	f.Inject(Fault{Op: OpCreate, Skip: 1, Count: 2, Err: errInjected})
	for i, fails := range []bool{false, true, true, false} {
		u, err := storage.Create(t.Context(), storage.Join(dir, "x"), storage.CreateOptions{})
		assert.Equal(t, fails, err != nil, "call %d", i)
		if err == nil {
			require.NoError(t, u.Abort())
		}
	}
	f.Heal()
	from, to := storage.Join(dir, "from"), storage.Join(dir, "to")
	Put(t, from, []byte("moved"))
	f.Inject(Fault{Op: OpRename, Name: "to", After: true, Err: errInjected})
	assert.ErrorIs(t, storage.Rename(t.Context(), from, to), errInjected)
	assert.Equal(t, "moved", string(Get(t, to)))
	_, err := storage.Stat(t.Context(), from)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
