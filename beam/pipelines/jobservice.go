package pipelines

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/metricsx"
	jobpb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/jobmanagement_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/util/grpcx"

	"github.com/arrayrecord/arrayrecord-go/beam/internal/counters"
)

// JobStatus is what a job service knows of a job.
type JobStatus struct {
	ID    string // "" if there is no such job yet
	State string // as Beam calls it: "STARTING", "RUNNING", "DONE"
	// Progress is what the runner has been told by the workers. Prism is told
	// every second or less often; Flink and Spark tell nothing before the end.
	Progress Progress
}

// AskJobService asks the service at HOST:PORT, which portable runners and
// Prism's server have, for a job by its name, the one of --job_name. Of several
// jobs of that name it prefers one that has not ended.
func AskJobService(ctx context.Context, endpoint, name string) (status JobStatus, err error) {
	err = withJob(ctx, endpoint, name, &status, func(client jobpb.JobServiceClient) error {
		answer, err := client.GetJobMetrics(ctx, &jobpb.GetJobMetricsRequest{JobId: status.ID})
		if err != nil {
			return nil // some have none as long as the job runs
		}
		m := answer.GetMetrics()
		sums := map[string]int64{}
		for _, c := range metricsx.FromMonitoringInfos(nil, m.GetAttempted(), m.GetCommitted()).AllMetrics().Counters() {
			if c.Namespace() == counters.Namespace {
				sums[c.Name()] += max(c.Attempted, c.Committed)
			}
		}
		status.Progress = newProgress(sums)
		return nil
	})
	if err != nil {
		return JobStatus{}, fmt.Errorf("asking the job service at %s: %w", endpoint, err)
	}
	return status, nil
}

// CancelJob asks a job service as AskJobService does, but to end the job. The
// state is what the service says then: CANCELLING or CANCELLED, or that of a job
// that has ended already.
func CancelJob(ctx context.Context, endpoint, name string) (status JobStatus, err error) {
	err = withJob(ctx, endpoint, name, &status, func(client jobpb.JobServiceClient) error {
		answer, err := client.Cancel(ctx, &jobpb.CancelJobRequest{JobId: status.ID})
		if err == nil {
			status.State = stateName(answer.GetState())
		}
		return err
	})
	if err != nil {
		return status, fmt.Errorf("cancelling the job at %s: %w", endpoint, err)
	}
	return status, nil
}

// askState asks a job service for the state of a job.
func askState(ctx context.Context, endpoint, id string) (state string, err error) {
	err = connect(ctx, endpoint, func(client jobpb.JobServiceClient) error {
		answer, err := client.GetState(ctx, &jobpb.GetJobStateRequest{JobId: id})
		state = stateName(answer.GetState())
		return err
	})
	return state, err
}

// withJob finds a job by its name, and then, if there is one, uses the service.
func withJob(ctx context.Context, endpoint, name string, status *JobStatus, use func(jobpb.JobServiceClient) error) error {
	return connect(ctx, endpoint, func(client jobpb.JobServiceClient) (err error) {
		if *status, err = findJob(ctx, client, name); err != nil || status.ID == "" {
			return err
		}
		return use(client)
	})
}

func connect(ctx context.Context, endpoint string, use func(jobpb.JobServiceClient) error) error {
	conn, err := grpcx.Dial(ctx, endpoint, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	return use(jobpb.NewJobServiceClient(conn))
}

func stateName(s jobpb.JobState_Enum) string { return strings.ToUpper(s.String()) }

// findJob finds a job by its name. Its ID is "" if there is none.
func findJob(ctx context.Context, client jobpb.JobServiceClient, name string) (JobStatus, error) {
	jobs, err := client.GetJobs(ctx, &jobpb.GetJobsRequest{})
	if err != nil {
		return JobStatus{}, err
	}
	var found *jobpb.JobInfo
	for _, job := range jobs.GetJobInfo() {
		if job.GetJobName() == name && (found == nil || hasEnded(found.GetState())) {
			found = job
		}
	}
	if found == nil {
		return JobStatus{}, nil
	}
	return JobStatus{ID: found.GetJobId(), State: stateName(found.GetState())}, nil
}

func hasEnded(s jobpb.JobState_Enum) bool {
	switch s {
	case jobpb.JobState_DONE, jobpb.JobState_FAILED, jobpb.JobState_CANCELLED, jobpb.JobState_UPDATED, jobpb.JobState_DRAINED:
		return true
	}
	return false
}
