package storage_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/arrayrecord/arrayrecord-go/storage"
)

func TestSplitAndJoin(t *testing.T) {
	for _, c := range []struct{ name, dir, base string }{
		{"file", "", "file"},
		{"dir/file", "dir", "file"},
		{"./file", ".", "file"},
		{"/file", "/", "file"},
		{"/a/b/file", "/a/b", "file"},
		{"dir/", "dir", ""},
		{"gs://bucket/file", "gs://bucket", "file"},
		{"gs://bucket/a/b/file", "gs://bucket/a/b", "file"},
		{"gs://bucket", "gs://", "bucket"},
		{"faults-1:///tmp/file", "faults-1:///tmp", "file"},
	} {
		dir, base := storage.Split(c.name)
		assert.Equal(t, c.dir, dir, c.name)
		assert.Equal(t, c.base, base, c.name)
		if base != "" && c.name != "./file" { // local Join cleans
			assert.Equal(t, c.name, storage.Join(dir, base))
		}
	}
	assert.Equal(t, "gs://b/a/b", storage.Join("gs://b", "a", "b"))
	assert.Equal(t, "gs://b/../x", storage.Join("gs://b/", "../x"), "object names are not cleaned")
	assert.Equal(t, "a/b/c", storage.Join("a", "b", "c"))
	assert.Equal(t, "c", storage.Join("", "c"))
}
