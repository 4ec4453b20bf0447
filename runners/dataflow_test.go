//go:build runners

package runners

import (
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
)

// A dry run prints the job that Dataflow would be sent. It looks at the bucket
// for staging but puts nothing there.
func TestDataflowDryRun(t *testing.T) {
	dir := fakegcs.Dir(t)
	pattern, _ := writeInput(t, 1, 10, 100)
	args := []string{"convert", "--input=" + pattern, "--output=" + dir + "/out/x", "--num_shards=2", "--progress=none",
		"--runner=dataflow", "--dry_run", "--project=our-project", "--region=europe-west4", "--staging_location=" + dir + "/staging",
		"--max_num_workers=7", "--worker_machine_type=n2-standard-4", "--job_name=our-job", "--log_level=info"}
	for image, more := range map[string][]string{
		"/beam_go_sdk:2.77.0":   nil, // Dataflow's copy of Beam's own
		"images.example/ours:1": {"--sdk_container_image=images.example/ours:1"},
	} {
		printed, err := exec.Command(program(t), append(args, more...)...).CombinedOutput()
		require.NoError(t, err, "%s", printed)
		require.Contains(t, string(printed), "\nsubmitted;")

		job := printedJob(t, string(printed))
		require.Equal(t, "our-job", job.Name)
		require.Equal(t, "our-project", job.ProjectID)
		require.Equal(t, "JOB_TYPE_BATCH", job.Type)
		require.Equal(t, "europe-west4", job.Environment.SDKPipelineOptions.Options.Region)
		require.Len(t, job.Environment.WorkerPools, 1)
		pool := job.Environment.WorkerPools[0]
		require.Equal(t, 7, pool.AutoscalingSettings.MaxNumWorkers)
		require.Equal(t, "n2-standard-4", pool.MachineType)
		require.Regexp(t, image+"$", pool.WorkerHarnessContainerImage)
		require.Len(t, pool.SDKHarnessContainerImages, 1)
		require.Equal(t, pool.WorkerHarnessContainerImage, pool.SDKHarnessContainerImages[0].ContainerImage)
		require.Len(t, pool.Packages, 1)
		require.Regexp(t, "^"+dir+"/staging/.*/worker$", pool.Packages[0].Location)
	}
}

type dataflowJob struct {
	Name        string `json:"name"`
	ProjectID   string `json:"projectId"`
	Type        string `json:"type"`
	Environment struct {
		SDKPipelineOptions struct {
			Options struct {
				Region string `json:"region"`
			} `json:"options"`
		} `json:"sdkPipelineOptions"`
		WorkerPools []struct {
			AutoscalingSettings struct {
				MaxNumWorkers int `json:"maxNumWorkers"`
			} `json:"autoscalingSettings"`
			MachineType                 string `json:"machineType"`
			WorkerHarnessContainerImage string `json:"workerHarnessContainerImage"`
			SDKHarnessContainerImages   []struct {
				ContainerImage string `json:"containerImage"`
			} `json:"sdkHarnessContainerImages"`
			Packages []struct {
				Location string `json:"location"`
			} `json:"packages"`
		} `json:"workerPools"`
	} `json:"environment"`
}

// printedJob finds the job in the log, where it is a quoted message.
func printedJob(t *testing.T, log string) (job dataflowJob) {
	t.Helper()
	for line := range strings.Lines(log) {
		if _, quoted, found := strings.Cut(strings.TrimSpace(line), `msg="{`); found {
			text, err := strconv.Unquote(`"{` + quoted)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal([]byte(text), &job))
			return job
		}
	}
	require.FailNow(t, "no job was printed", "%s", log)
	return job
}
