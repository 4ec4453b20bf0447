package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/core/metrics"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/log"
	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/gcpopts"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
	beamflow "github.com/apache/beam/sdks/v2/go/pkg/beam/runners/dataflow"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/runners/dataflow/dataflowlib"
	df "google.golang.org/api/dataflow/v1b3"
)

// dataflow has Google's service run pipelines by Beam's package for that. It
// waits for the end of a job itself: Beam says at the log level of information
// only what the job is called, goes on waiting when it is interrupted, and takes
// a cancelled job for one that has succeeded.
type dataflow struct {
	out io.Writer // is told what the job is called
}

// pollEvery is how long it waits between two looks at a job.
const pollEvery = 10 * time.Second

func (d dataflow) run(ctx context.Context, p *beam.Pipeline) (beam.PipelineResult, error) {
	async := *jobopts.Async
	if err := d.checkName(ctx, async); err != nil {
		return nil, err
	}
	*jobopts.Async = true
	submitted, err := beamflow.Execute(ctx, p)
	*jobopts.Async = async
	if err != nil || isDryRun() || isTemplate() {
		return nil, err
	}
	job := dataflowJob{project: gcpopts.GetProjectFromFlagOrEnvironment(ctx), region: gcpopts.GetRegion(ctx), id: submitted.JobID()}
	fmt.Fprintf(d.out, "Dataflow job %s: %s\n", job.id, job.link())
	if async {
		return job, nil
	}
	client, err := newDataflowClient(ctx)
	if err != nil {
		return job, job.goesOn(err)
	}
	if err := job.wait(ctx, client); err != nil {
		return job, err
	}
	answer, err := dataflowlib.GetMetrics(ctx, client, job.project, job.region, job.id)
	if err != nil {
		log.Warnf(ctx, "the counters of job %s: %v", job.id, err)
		answer = &df.JobMetrics{}
	}
	job.metrics = dataflowlib.FromMetricUpdates(answer.Metrics, stepsOf(answer.Metrics))
	return job, nil
}

// checkName makes sure that no job of a name that was given is active. Beam takes
// such a job for the one that was to be submitted, which is meant for --async.
func (d dataflow) checkName(ctx context.Context, async bool) error {
	if async || isDryRun() || isTemplate() || *jobopts.JobName == "" || flag.Lookup("update").Value.String() == "true" {
		return nil
	}
	client, err := newDataflowClient(ctx)
	if err != nil {
		return err
	}
	project, region := gcpopts.GetProjectFromFlagOrEnvironment(ctx), gcpopts.GetRegion(ctx)
	job, err := dataflowlib.GetRunningJobByName(client, project, region, *jobopts.JobName)
	if err != nil {
		return nil // there is none
	}
	return fmt.Errorf("job %s of Dataflow is active and has the name %s", job.Id, *jobopts.JobName)
}

func newDataflowClient(ctx context.Context) (*df.Service, error) {
	return dataflowlib.NewClient(ctx, flag.Lookup("dataflow_endpoint").Value.String())
}

// dataflowJob is a job that was submitted.
type dataflowJob struct {
	project, region, id string
	metrics             *metrics.Results // nil before its end
}

// JobID gives what the service calls it.
func (j dataflowJob) JobID() string { return j.id }

// Metrics gives the counters. There must be some.
func (j dataflowJob) Metrics() metrics.Results { return *j.metrics }

func (j dataflowJob) link() string {
	return fmt.Sprintf("https://console.cloud.google.com/dataflow/jobs/%s/%s?project=%s", j.region, j.id, j.project)
}

// wait waits for the end of the job. All ends but that of success are errors.
func (j dataflowJob) wait(ctx context.Context, client *df.Service) error {
	for {
		job, err := client.Projects.Locations.Jobs.Get(j.project, j.region, j.id).Context(ctx).Do()
		if err != nil {
			return j.goesOn(err)
		}
		switch state := job.CurrentState; state {
		case "JOB_STATE_DONE":
			return nil
		case "JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_DRAINED", "JOB_STATE_UPDATED":
			return fmt.Errorf("job %s of Dataflow has ended as %s: %s", j.id, state, j.link())
		default:
			log.Infof(ctx, "Dataflow job %s is in %s", j.id, state)
		}
		select {
		case <-ctx.Done():
			return j.goesOn(context.Cause(ctx))
		case <-time.After(pollEvery):
		}
	}
}

// jobGoesOn is the end of waiting for a job that goes on.
type jobGoesOn struct {
	job   dataflowJob
	cause error
}

func (j dataflowJob) goesOn(cause error) error { return jobGoesOn{j, cause} }

// Unwrap gives the reason.
func (e jobGoesOn) Unwrap() error { return e.cause }

// Error says how to end it.
func (e jobGoesOn) Error() string {
	s := fmt.Sprintf("Dataflow job %s goes on: see %s, or cancel it with gcloud dataflow jobs cancel %s --region=%s --project=%s",
		e.job.id, e.job.link(), e.job.id, e.job.region, e.job.project)
	if !errors.Is(e.cause, context.Canceled) {
		s = fmt.Sprintf("%v; %s", e.cause, s)
	}
	return s
}

// stepsOf gives a pipeline that has the steps of some metrics under the names that
// the service gives them: what they are called in ours does not matter.
func stepsOf(updates []*df.MetricUpdate) *pipepb.Pipeline {
	steps := map[string]*pipepb.PTransform{}
	for _, u := range updates {
		if step := u.Name.Context["step"]; step != "" {
			steps[step] = &pipepb.PTransform{UniqueName: step}
		}
	}
	return &pipepb.Pipeline{Components: &pipepb.Components{Transforms: steps}}
}

func isTemplate() bool { return flag.Lookup("template_location").Value.String() != "" }
