package gcs_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"testing"

	cloud "cloud.google.com/go/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

func TestListIsAskedForAsLittleAsPossible(t *testing.T) {
	dir := place(t, plain)
	object := strings.TrimPrefix(dir, "gs://"+plain+"/")
	for _, n := range []string{
		"train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001", "train-old/x",
		"day=1/part-0", "day=1/part-1", "day=2/part-0", "day=2/deep/part-0", "other/part-0",
	} {
		storagetest.Put(t, dir+"/"+n, nil)
	}
	for pattern, want := range map[string]struct {
		found    int
		prefixes []string
	}{
		"train-0000?-of-00002":       {2, []string{"train-0000"}},
		"train-0000[01]-of-*":        {2, []string{"train-0000"}},
		"tr*":                        {2, []string{"tr"}},
		`train\-00000\-of-00002`:     {1, []string{"train-00000-of-00002"}},
		"missing":                    {0, []string{"missing"}},
		"day=*/part-*":               {3, []string{"day=", "day=1/part-", "day=2/part-"}},
		"day=?/part-0":               {2, []string{"day=", "day=1/part-0", "day=2/part-0"}},
		"day=2/**":                   {2, []string{"day=2/"}},
		"*/part-0":                   {3, []string{"", "day=1/part-0", "day=2/part-0", "other/part-0", "train-old/part-0"}},
		"**/part-0":                  {4, []string{""}},
		"day=[!2]/p*":                {1, []string{"day=", "day=2/p"}}, // '^' negates, '!' does not
		"day=[^2]/p*":                {2, []string{"day=", "day=1/p"}},
		"nothing*/at/all/**/really*": {0, []string{"nothing"}},
	} {
		var infos []storage.Info
		n := service.counted(func() {
			var err error
			infos, err = storage.List(t.Context(), dir+"/"+pattern)
			require.NoError(t, err)
		})
		assert.Len(t, infos, want.found, pattern)
		var prefixes []string
		for _, r := range service.requests {
			req, err := http.NewRequest(http.MethodGet, r.what, nil)
			require.NoError(t, err)
			prefixes = append(prefixes, strings.TrimPrefix(req.URL.Query().Get("prefix"), object+"/"))
		}
		assert.ElementsMatch(t, want.prefixes, prefixes, pattern)
		if pattern == "missing" {
			assert.Contains(t, service.requests[0].what, "maxResults=1&")
		}
		assert.Equal(t, map[op]int{opList: len(want.prefixes)}, n, pattern)
	}
}

// The real service gives up to 1,000 names at a time.
func TestListGoesOverPages(t *testing.T) {
	dir := place(t, plain)
	var want []string
	for i := range 45 {
		name := fmt.Sprintf("%s/file-%02d", dir, i)
		storagetest.Put(t, name, nil)
		want = append(want, name)
	}
	pageOf10 := func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		q := r.URL.Query()
		q.Set("maxResults", "10")
		r.URL.RawQuery = q.Encode()
		next.ServeHTTP(w, r)
	}
	service.inject(t, opList, "", 0, 0, pageOf10)
	for _, pattern := range []string{"/file-*", "/**"} {
		var got []string
		n := service.counted(func() {
			infos, err := storage.List(t.Context(), dir+pattern)
			require.NoError(t, err)
			for _, info := range infos {
				got = append(got, info.Name)
			}
		})
		assert.Equal(t, want, got)
		assert.Equal(t, map[op]int{opList: 5}, n)
	}
	service.heal()
	// A page that fails is asked for again, and nothing appears twice.
	useClient(t)
	service.inject(t, opList, "", 2, 2, status(http.StatusServiceUnavailable))
	service.inject(t, opList, "", 0, 0, pageOf10)
	infos, err := storage.List(t.Context(), dir+"/*")
	require.NoError(t, err)
	assert.Len(t, infos, 45)
}

func TestListErrors(t *testing.T) {
	for _, pattern := range []string{"gs://no-such-bucket/*", "gs://no-such-bucket/x", "gs://no-such-bucket/**", "gs://no-such-bucket/*/x"} {
		_, err := storage.List(t.Context(), pattern)
		assert.ErrorIs(t, err, fs.ErrNotExist, pattern)
		assert.ErrorContains(t, err, pattern)
	}
	for _, pattern := range []string{"gs://*/x", "gs://", "gs:///x"} {
		_, err := storage.List(t.Context(), pattern)
		assert.ErrorIs(t, err, fs.ErrInvalid, pattern)
	}
	_, err := storage.List(t.Context(), "gs://"+plain+"/x/[a-/b")
	assert.ErrorIs(t, err, path.ErrBadPattern)
	infos, err := storage.List(t.Context(), "gs://"+plain)
	assert.NoError(t, err)
	assert.Nil(t, infos)
}

func TestSignsOfDirectoriesAreNotListed(t *testing.T) {
	dir := place(t, plain)
	client, err := cloud.NewClient(t.Context())
	require.NoError(t, err)
	defer client.Close()
	for _, n := range []string{"/", "/sub/", "/sub/file"} {
		w := client.Bucket(plain).Object(strings.TrimPrefix(dir, "gs://"+plain+"/") + n).NewWriter(t.Context())
		require.NoError(t, w.Close())
	}
	for pattern, want := range map[string][]string{
		"/*": nil, "/**": {dir + "/sub/file"}, "/sub/*": {dir + "/sub/file"}, "/*/*": {dir + "/sub/file"}, "/sub/**": {dir + "/sub/file"},
	} {
		infos, err := storage.List(t.Context(), dir+pattern)
		require.NoError(t, err)
		var got []string
		for _, info := range infos {
			got = append(got, info.Name)
		}
		assert.Equal(t, want, got, pattern)
	}
}
