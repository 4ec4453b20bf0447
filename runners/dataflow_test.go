//go:build runners

package runners

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pipepb "github.com/apache/beam/sdks/v2/go/pkg/beam/model/pipeline_v1"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/arrayrecord/arrayrecord-go/internal/fakegcs"
	"github.com/arrayrecord/arrayrecord-go/storage"
	"github.com/arrayrecord/arrayrecord-go/storage/storagetest"
)

// dataflowCommand gives the command of the guide with names in it, its files in
// a bucket of the fake, and more flags.
func dataflowCommand(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	command := strings.NewReplacer("gs://BUCKET", dir, "=ID", "=our-project", "=REGION", "=europe-west4").
		Replace(strings.TrimSpace(guide(t, "Dataflow")))
	require.NotRegexp(t, "[A-Z]{2}", command, "something is to be filled in still")
	return strings.Join(append([]string{command, "--progress=none", "--job_name=our-job"}, flags...), " ")
}

// A dry run prints the job that Dataflow would be sent. It looks at the bucket
// for staging but puts nothing there.
func TestDataflowDryRun(t *testing.T) {
	dir := fakegcs.Dir(t)
	storagetest.Put(t, dir+"/in/a.tfrecord", make([]byte, 100))
	for image, flag := range map[string]string{
		"/beam_go_sdk:2.77.0":   "", // Dataflow's copy of Beam's own
		"images.example/ours:1": "--sdk_container_image=images.example/ours:1",
	} {
		_, printed := follow(t, dataflowCommand(t, dir, "--dry_run", "--log_level=info", flag))
		require.Contains(t, printed, "dry run: nothing was submitted\n")
		require.Contains(t, printed, dir+"/in/a.tfrecord  100 B\n", "the plan")
		checkJob(t, printedJob(t, printed), dir, image)
		infos, err := storage.List(t.Context(), dir+"/staging/*")
		require.NoError(t, err)
		require.Empty(t, infos)
	}
}

// The job is sent to a fake of Dataflow, which says that it is done; the
// program that workers would run is in the bucket by then.
func TestDataflowSubmission(t *testing.T) {
	dir := fakegcs.Dir(t)
	service := &dataflow{t: t}
	server := httptest.NewServer(service)
	defer server.Close()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, server.URL+"/token"))

	_, printed := follow(t, dataflowCommand(t, dir, "--dataflow_endpoint="+server.URL+"/", "--sdk_container_image=images.example/ours:1"))
	checkJob(t, service.job, dir, "images.example/ours:1")
	require.NotEmpty(t, service.pipeline.GetComponents().GetEnvironments())
	for _, environment := range service.pipeline.GetComponents().GetEnvironments() {
		var image pipepb.DockerPayload
		require.Equal(t, "beam:env:docker:v1", environment.GetUrn())
		require.NoError(t, proto.Unmarshal(environment.GetPayload(), &image))
		require.Equal(t, "images.example/ours:1", image.GetContainerImage())

		require.Len(t, environment.GetDependencies(), 1)
		var worker pipepb.ArtifactUrlPayload
		require.NoError(t, proto.Unmarshal(environment.GetDependencies()[0].GetTypePayload(), &worker))
		require.Equal(t, service.job.Environment.WorkerPools[0].Packages[0].Location, worker.GetUrl())
		want, err := os.ReadFile(program(t))
		require.NoError(t, err)
		sum := sha256.Sum256(want)
		require.Equal(t, hex.EncodeToString(sum[:]), worker.GetSha256())
		staged, err := readObject(t.Context(), worker.GetUrl())
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, staged), "the worker is this program")
	}
	require.Contains(t, printed, "Dataflow job job-1: https://console.cloud.google.com/dataflow/jobs/europe-west4/job-1?project=our-project\n")
	require.Regexp(t, `(?m)^ +read +5 files +`, printed)
	require.Regexp(t, `(?m)^ +wrote +2 files +70 records +`, printed)
}

// submit runs the command of the guide against the fake, and gives its exit code
// and what it printed. interrupt has it be interrupted when it waits for the job.
func submit(t *testing.T, service *dataflow, interrupt bool, replace ...string) (code int, printed string) {
	t.Helper()
	dir := fakegcs.Dir(t)
	service.t, service.asked = t, make(chan struct{})
	server := httptest.NewServer(service)
	defer server.Close()
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, server.URL+"/token"))
	line := dataflowCommand(t, dir, "--dataflow_endpoint="+server.URL+"/", "--sdk_container_image=images.example/ours:1")
	line = strings.NewReplacer(append(replace, "bin/arrayrecord-beam", program(t))...).Replace(line)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec "+line)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	if interrupt {
		select {
		case <-service.asked:
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		case <-ctx.Done():
		}
	}
	_ = cmd.Wait() // the exit code tells
	require.NoError(t, ctx.Err(), out.String())
	return cmd.ProcessState.ExitCode(), out.String()
}

const submittedJob = "Dataflow job job-1: https://console.cloud.google.com/dataflow/jobs/europe-west4/job-1?project=our-project\n"

// A job that ends otherwise than by succeeding is an error, which says how.
func TestDataflowStates(t *testing.T) {
	for _, state := range []string{"JOB_STATE_FAILED", "JOB_STATE_CANCELLED"} {
		code, printed := submit(t, &dataflow{state: state}, false)
		require.Equal(t, 1, code, printed)
		require.Contains(t, printed, submittedJob)
		require.Contains(t, printed, "job job-1 of Dataflow has ended as "+state)
		require.NotContains(t, printed, "wrote")
	}
}

// An interrupt ends the waiting, not the job, and says how to end that.
func TestDataflowInterrupt(t *testing.T) {
	code, printed := submit(t, &dataflow{state: "JOB_STATE_RUNNING"}, true)
	require.Equal(t, 130, code, printed)
	require.Contains(t, printed, submittedJob)
	require.Contains(t, printed, "interrupted; Dataflow job job-1 goes on: see https://console.cloud.google.com/")
	require.Contains(t, printed, "gcloud dataflow jobs cancel job-1 --region=europe-west4 --project=our-project")
}

// Beam would take the job that is there for the new one.
func TestDataflowNameThatIsTaken(t *testing.T) {
	service := &dataflow{active: []any{map[string]any{"id": "job-0", "name": "our-job", "currentState": "JOB_STATE_RUNNING"}}}
	code, printed := submit(t, service, false)
	require.Equal(t, 1, code, printed)
	require.Contains(t, printed, "job job-0 of Dataflow is active and has the name our-job")
	require.Empty(t, service.job.Name, "a job was submitted")
}

func TestDataflowAsyncOnlySubmits(t *testing.T) {
	code, printed := submit(t, &dataflow{state: "JOB_STATE_RUNNING"}, false, "--progress=none", "--async")
	require.Equal(t, 0, code, printed)
	require.Contains(t, printed, submittedJob)
	require.Contains(t, printed, "submitted job-1; the runner reports what becomes of it")
}

// What is staged is with the temporary files unless another place is named.
func TestDataflowStagesInTempLocation(t *testing.T) {
	service := &dataflow{}
	code, printed := submit(t, service, false, "--staging_location", "--temp_location", "/staging", "/temp")
	require.Equal(t, 0, code, printed)
	require.Regexp(t, "^gs://.*/temp/.*/worker$", service.job.Environment.WorkerPools[0].Packages[0].Location)
}

// checkJob checks the job of dataflowCommand.
func checkJob(t *testing.T, job dataflowJob, dir, image string) {
	t.Helper()
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

type dataflowJob struct {
	Name        string `json:"name"`
	ProjectID   string `json:"projectId"`
	Type        string `json:"type"`
	Environment struct {
		SDKPipelineOptions struct {
			Options struct {
				Region      string `json:"region"`
				PipelineURL string `json:"pipelineUrl"`
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

// dataflow is what a client sees of Google's service. A job has the counters of
// one step.
type dataflow struct {
	t      *testing.T
	state  string        // of the job when it is asked for; "" is that it is done
	active []any         // other jobs
	asked  chan struct{} // closed when the job is asked for, if it is not nil

	once     sync.Once
	job      dataflowJob
	pipeline pipepb.Pipeline
}

func (d *dataflow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const jobs = "/v1b3/projects/our-project/locations/europe-west4/jobs"
	var answer any
	switch call := r.Method + " " + r.URL.Path; call {
	case "POST /token":
		w.Header().Set("Content-Type", "application/json")
		answer = map[string]any{"access_token": "let-us-in", "token_type": "Bearer", "expires_in": 3600}
	case "POST " + jobs:
		if err := d.accept(r); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answer = map[string]any{"id": "job-1"}
	case "GET " + jobs:
		answer = map[string]any{"jobs": d.active}
	case "GET " + jobs + "/job-1":
		answer = map[string]any{"id": "job-1", "currentState": cmp.Or(d.state, "JOB_STATE_DONE")}
		if d.asked != nil {
			d.once.Do(func() { close(d.asked) })
		}
	case "GET " + jobs + "/job-1/metrics":
		answer = map[string]any{"metrics": d.counters(map[string]int{
			"files_read": 5, "records_read": 70, "bytes_read": 7000, "files_written": 2, "records_written": 70, "bytes_written": 6000,
		})}
	default:
		http.Error(w, call+" is not known", http.StatusNotFound)
		return
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		d.t.Error(err)
	}
}

func (d *dataflow) accept(r *http.Request) error {
	if r.Header.Get("Authorization") != "Bearer let-us-in" {
		return fmt.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	if err := json.NewDecoder(r.Body).Decode(&d.job); err != nil {
		return err
	}
	model, err := readObject(r.Context(), d.job.Environment.SDKPipelineOptions.Options.PipelineURL)
	if err != nil {
		return err
	}
	return proto.Unmarshal(model, &d.pipeline)
}

// counters gives counters of one step, as the service reports them.
func (d *dataflow) counters(values map[string]int) (metrics []any) {
	for step := range d.pipeline.GetComponents().GetTransforms() {
		for name, value := range values {
			metrics = append(metrics, map[string]any{
				"name":   map[string]any{"origin": "user", "name": name, "context": map[string]string{"step": step, "namespace": "arrayrecord"}},
				"scalar": value,
			})
		}
		break
	}
	return metrics
}

// serviceAccount makes credentials that only the fake takes, and gives the name
// of their file.
func serviceAccount(t *testing.T, tokens string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	text, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "nobody@our-project.example", "token_uri": tokens,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "credentials.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	return name
}

func readObject(ctx context.Context, name string) ([]byte, error) {
	o, err := storage.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return io.ReadAll(io.NewSectionReader(storage.NewReaderAt(ctx, o), 0, o.Size()))
}
