package pipelines

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/failingjob"
)

func TestProgressOfAJob(t *testing.T) {
	name := *jobopts.JobName
	*jobopts.JobName = "a-job-of-its-own"
	t.Cleanup(func() { *jobopts.JobName = name })
	before := LocalProgress()
	c := NewTFRecordToArrayRecord(testdata+"digits-0*.tfrecord", filepath.Join(t.TempDir(), "digits"))
	result, err := Run(t.Context(), "prism", c)
	require.NoError(t, err)
	progress := LocalProgress().Since(before)
	_, size := digits(t, testdata+"digits-0*.tfrecord")
	require.Equal(t, Progress{
		FilesFound: 3, BytesFound: size,
		FilesRead: 3, RecordsRead: 1797, BytesRead: size,
		FilesWritten: result.FilesWritten, RecordsWritten: 1797, BytesWritten: result.BytesWritten,
	}, progress)

	// Prism's server has set this.
	status, err := AskJobService(t.Context(), *jobopts.Endpoint, "a-job-of-its-own")
	require.NoError(t, err)
	require.NotEmpty(t, status.ID)
	require.Equal(t, "DONE", status.State)
	require.Equal(t, progress.RecordsWritten, status.Progress.RecordsWritten) // by one bundle: it is not lost
	require.LessOrEqual(t, status.Progress.RecordsRead, progress.RecordsRead)

	status, err = AskJobService(t.Context(), *jobopts.Endpoint, "no such job")
	require.NoError(t, err)
	require.Zero(t, status)
}

// The end of the context ends the waiting for a job in another process, not the
// job.
func TestCancelThroughTheJobService(t *testing.T) {
	failingjob.Test(t)
	name := *jobopts.JobName
	*jobopts.JobName = "a-job-to-cancel"
	t.Cleanup(func() { *jobopts.JobName = name })
	ended := make(chan error, 1)
	before := waits.Load()
	go func() {
		_, err := Run(t.Context(), "prism", Func(func(s beam.Scope) error {
			beam.ParDo(s, &waitFn{}, beam.Impulse(s))
			return nil
		}))
		ended <- err
	}()
	require.Eventually(t, func() bool {
		status, err := AskJobService(t.Context(), *jobopts.Endpoint, "a-job-to-cancel")
		return err == nil && status.State == "RUNNING" && waits.Load() > before
	}, 10*time.Second, 10*time.Millisecond)
	status, err := CancelJob(t.Context(), *jobopts.Endpoint, "a-job-to-cancel")
	require.NoError(t, err)
	require.NotEmpty(t, status.ID)
	require.Contains(t, []string{"CANCELLING", "CANCELLED"}, status.State)
	require.Error(t, <-ended)

	status, err = CancelJob(t.Context(), *jobopts.Endpoint, "no such job")
	require.NoError(t, err)
	require.Zero(t, status)
}

func TestJobServiceThatIsNotThere(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := AskJobService(ctx, "127.0.0.1:1", "x")
	require.ErrorContains(t, err, "asking the job service at 127.0.0.1:1: ")
	_, err = CancelJob(ctx, "127.0.0.1:1", "x")
	require.ErrorContains(t, err, "cancelling the job at 127.0.0.1:1: ")
}
