//go:build runners

package runners

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A cluster is a standalone Flink: a job manager and two task managers, each a
// process of its own, and Beam's job server. Task managers start workers as
// processes, which run the program that was sent to them. Jobs are spread over
// both task managers, and each alone has slots enough for them.
type cluster struct {
	taskManagers []*process
	rest         string   // address of Flink's REST interface
	args         []string // of the program
}

const flinkConf = `
jobmanager.rpc.address: localhost
jobmanager.rpc.port: %d
rest.address: localhost
rest.bind-address: localhost
rest.port: %d
taskmanager.host: localhost
taskmanager.numberOfTaskSlots: 2
taskmanager.cpu.cores: 1
taskmanager.memory.framework.heap.size: 128mb
taskmanager.memory.framework.off-heap.size: 128mb
taskmanager.memory.task.heap.size: 384mb
taskmanager.memory.task.off-heap.size: 0b
taskmanager.memory.managed.size: 128mb
taskmanager.memory.network.min: 64mb
taskmanager.memory.network.max: 64mb
taskmanager.memory.jvm-metaspace.size: 256mb
taskmanager.memory.jvm-overhead.min: 192mb
taskmanager.memory.jvm-overhead.max: 192mb
heartbeat.interval: 1000
heartbeat.timeout: 5000
cluster.evenly-spread-out-slots: true
restart-strategy.type: fixed-delay
restart-strategy.fixed-delay.attempts: 5
restart-strategy.fixed-delay.delay: 1s
`

func startCluster(t *testing.T) *cluster {
	conf, work := t.TempDir(), t.TempDir()
	rpc, rest := freePort(t), freePort(t)
	text := fmt.Sprintf(flinkConf, rpc, rest)
	require.NoError(t, os.WriteFile(filepath.Join(conf, "flink-conf.yaml"), []byte(text), 0o666))

	env := []string{"ARRAYRECORD_RUNNERS_TEMP=" + work}
	line := func(class string, args ...string) []string {
		return java(t, "flink", "512m", "org.apache.flink.runtime."+class, append([]string{"--configDir", conf, "-Djava.io.tmpdir=" + work}, args...)...)
	}
	jobManager := start(t, "the job manager", env, line("entrypoint.StandaloneSessionClusterEntrypoint")...)
	jobManager.waitForPort(t, rest)
	c := &cluster{rest: fmt.Sprintf("http://localhost:%d", rest)}
	for i := range 2 {
		c.taskManagers = append(c.taskManagers, start(t, fmt.Sprintf("task manager %d", i), env, line("taskexecutor.TaskManagerRunner")...))
	}
	endpoint := startJobServer(t, "flink", "org.apache.beam.runners.flink.FlinkJobServerDriver",
		"--flink-master", fmt.Sprintf("localhost:%d", rest), "--flink-conf-dir", conf)
	worker, err := filepath.Abs("worker.sh")
	require.NoError(t, err)
	c.args = []string{"--runner=flink", "--endpoint=" + endpoint, "--parallelism=2",
		"--environment_type=PROCESS", fmt.Sprintf(`--environment_config={"command":%q}`, worker)}
	return c
}

// workers gives the processes that run the program as a worker of the process
// group of this test.
func workers(t *testing.T) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, name := range names {
		line, err := os.ReadFile(name)
		pid, _ := strconv.Atoi(strings.Split(name, "/")[2])
		if err != nil || !regexp.MustCompile(`^/tmp/bin[^/]*/worker\x00--worker=true`).Match(line) {
			continue
		}
		if group, err := syscall.Getpgid(pid); err == nil && group == syscall.Getpgrp() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestFlinkCluster(t *testing.T) {
	for _, test := range []struct {
		name string
		kill func(t *testing.T, c *cluster)
	}{
		{"Undisturbed", nil},
		{"WorkerKilled", func(t *testing.T, _ *cluster) {
			pids := workers(t)
			require.NotEmpty(t, pids)
			require.NoError(t, syscall.Kill(pids[0], syscall.SIGKILL))
		}},
		{"TaskManagerKilled", func(_ *testing.T, c *cluster) { c.taskManagers[0].kill() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startCluster(t)
			const numFiles, numRecords = 8, 8 * 1000
			pattern, want := writeInput(t, numFiles, numRecords/numFiles, 3000)
			out := t.TempDir()
			const shards = 3

			type outcome struct {
				printed string
				err     error
			}
			done := make(chan outcome, 1)
			started := time.Now()
			go func() {
				// So slow to compress that there is time to disturb it.
				printed, err := tryConvert(t, append(c.args, "--input="+pattern, "--output="+filepath.Join(out, "x"),
					fmt.Sprintf("--num_shards=%d", shards), "--writer_options=group_size:100,brotli:11")...)
				done <- outcome{printed, err}
			}()
			if test.kill != nil {
				require.Eventually(t, func() bool { return isStaging(t, out) }, 2*time.Minute, 50*time.Millisecond)
				t.Logf("after %v: staging has begun", time.Since(started))
				test.kill(t, c)
			}
			result := <-done
			t.Logf("after %v: %v\n%s", time.Since(started), result.err, result.printed)
			var names []string
			for i := range shards {
				names = append(names, filepath.Join(out, fmt.Sprintf("x-%05d-of-%05d.arrayrecord", i, shards)))
			}
			require.NoError(t, result.err)
			require.Equal(t, test.kill != nil, c.sawFailures(t), "the job was disturbed while it ran")
			sameRecords(t, want, readArrayRecords(t, names...))
			require.ElementsMatch(t, names, list(t, out), "nothing else is left")
			require.Regexp(t, fmt.Sprintf(`(?m)^ +wrote +%d files +%d records  `, shards, numRecords), result.printed)
		})
	}
}

// sawFailures reports whether Flink had to start a part of its job again.
func (c *cluster) sawFailures(t *testing.T) bool {
	t.Helper()
	get := func(path string, answer any) {
		response, err := http.Get(c.rest + path)
		require.NoError(t, err)
		defer response.Body.Close()
		require.NoError(t, json.NewDecoder(response.Body).Decode(answer))
	}
	var all struct{ Jobs []struct{ ID string } }
	get("/jobs", &all)
	require.Len(t, all.Jobs, 1)
	var exceptions struct {
		ExceptionHistory struct {
			Entries []struct{ ExceptionName, Stacktrace string }
		}
	}
	get("/jobs/"+all.Jobs[0].ID+"/exceptions", &exceptions)
	for _, entry := range exceptions.ExceptionHistory.Entries {
		t.Logf("Flink saw %s: %.300s", entry.ExceptionName, entry.Stacktrace)
	}
	return len(exceptions.ExceptionHistory.Entries) > 0
}

// isStaging reports whether temporary files are being written.
func isStaging(t *testing.T, out string) bool {
	t.Helper()
	staging := false
	for _, name := range list(t, out) {
		if filepath.Dir(name) != out {
			staging = true
		}
	}
	return staging
}
