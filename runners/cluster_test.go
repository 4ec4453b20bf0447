//go:build runners

package runners

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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

// startCluster starts a cluster with the settings of flink/cluster, changed as
// told: pairs of what they are and what they shall be.
func startCluster(t *testing.T, changes ...string) *cluster {
	conf := t.TempDir()
	rpc, rest := freePort(t), freePort(t)
	settings, err := os.ReadFile(filepath.Join("flink", "cluster", "config.yaml"))
	require.NoError(t, err)
	changes = append(changes, "jobmanager.rpc.port: 6123", fmt.Sprint("jobmanager.rpc.port: ", rpc), "rest.port: 8081", fmt.Sprint("rest.port: ", rest))
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, string(settings), changes[i])
	}
	settings = []byte(strings.NewReplacer(changes...).Replace(string(settings)))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "config.yaml"), settings, 0o666))

	line := func(class string) []string {
		return java(t, "flink", "512m", "org.apache.flink.runtime."+class, "--configDir", conf)
	}
	jobManager := start(t, "the job manager", line("entrypoint.StandaloneSessionClusterEntrypoint")...)
	jobManager.waitForPort(t, rest)
	c := &cluster{rest: fmt.Sprintf("http://localhost:%d", rest)}
	for i := range 2 {
		c.taskManagers = append(c.taskManagers, start(t, fmt.Sprintf("task manager %d", i), line("taskexecutor.TaskManagerRunner")...))
	}
	// A job that comes before is not spread over both.
	require.Eventually(t, func() bool {
		var known struct{ TaskManagers []struct{ ID string } }
		return c.get("/taskmanagers", &known) == nil && len(known.TaskManagers) == len(c.taskManagers)
	}, time.Minute, 200*time.Millisecond)
	endpoint := startJobServer(t, "flink", "org.apache.beam.runners.flink.FlinkJobServerDriver",
		"--flink-master", fmt.Sprintf("localhost:%d", rest), "--flink-conf-dir", conf)
	worker, err := filepath.Abs("worker.sh")
	require.NoError(t, err)
	c.args = []string{"--runner=flink", "--endpoint=" + endpoint, "--parallelism=2",
		"--environment_type=PROCESS", fmt.Sprintf(`--environment_config={"command":%q}`, worker)}
	return c
}

// writer waits for a worker that has a file in dir open, and gives its process.
func writer(t *testing.T, dir string) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool {
		fds, err := filepath.Glob("/proc/[0-9]*/fd/*")
		require.NoError(t, err)
		for _, fd := range fds {
			if name, err := os.Readlink(fd); err == nil && strings.HasPrefix(name, dir+"/") {
				pid, err = strconv.Atoi(strings.Split(fd, "/")[2])
				require.NoError(t, err)
				return true
			}
		}
		return false
	}, 2*time.Minute, 50*time.Millisecond)
	return pid
}

// waitFor waits for a file that matches.
func waitFor(t *testing.T, pattern string) {
	t.Helper()
	require.Eventually(t, func() bool {
		names, err := filepath.Glob(pattern)
		require.NoError(t, err)
		return len(names) > 0
	}, 4*time.Minute, 2*time.Millisecond)
}

// workers gives the processes that run the program for task managers.
func (c *cluster) workers(t *testing.T) (pids []int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, line := range lines {
		args, err := os.ReadFile(line)
		pid, numErr := strconv.Atoi(strings.Split(line, "/")[2])
		require.NoError(t, numErr)
		if err == nil && bytes.Contains(args, []byte("\x00--control_endpoint")) && c.managerOf(pid) != nil {
			pids = append(pids, pid)
		}
	}
	require.NotEmpty(t, pids)
	return pids
}

// taskManagerOf gives the task manager that has started a worker.
func (c *cluster) taskManagerOf(t *testing.T, worker int) *process {
	t.Helper()
	p := c.managerOf(worker)
	require.NotNil(t, p, "the task manager of the worker %d is not known", worker)
	return p
}

// managerOf gives the task manager above a process, nil if there is none.
func (c *cluster) managerOf(pid int) *process {
	for pid > 1 {
		for _, p := range c.taskManagers {
			if p.cmd.Process.Pid == pid {
				return p
			}
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return nil
		}
		// PID (NAME) STATE PARENT ...
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return nil
		}
	}
	return nil
}

// shardsIn gives the shards that have their names.
func shardsIn(t *testing.T, out string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(out, "x-*"))
	require.NoError(t, err)
	return names
}

func TestFlinkCluster(t *testing.T) {
	// While a worker has a file open, records are being staged.
	killWorker := func(t *testing.T, _ *cluster, out string) {
		require.NoError(t, syscall.Kill(writer(t, out), syscall.SIGKILL))
	}
	for _, test := range []struct {
		name     string
		settings []string // what is changed
		shards   int      // 0: 3
		kill     func(t *testing.T, c *cluster, out string)
		fails    bool
	}{
		{name: "WorkerKilled", kill: killWorker},
		{name: "TaskManagerKilled", kill: func(t *testing.T, c *cluster, out string) { c.taskManagerOf(t, writer(t, out)).kill() }},
		// The plan is there when all is staged, and the record when the commit has begun, which takes a
		// while for many shards.
		{name: "TaskManagerKilledBetweenStageAndCommit", shards: 60, kill: func(t *testing.T, c *cluster, out string) {
			waitFor(t, filepath.Join(out, ".temp-*", "plan.json"))
			c.taskManagers[0].kill()
		}},
		{name: "WorkersKilledWithinCommit", shards: 400, kill: func(t *testing.T, c *cluster, out string) {
			waitFor(t, filepath.Join(out, ".x-*.commit"))
			for _, worker := range c.workers(t) {
				require.NoError(t, syscall.Kill(worker, syscall.SIGKILL))
			}
		}},
		{name: "WorkerKilledAndNotRestarted", settings: []string{"restart-strategy.type: fixed-delay", "restart-strategy.type: none"},
			kill: killWorker, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := startCluster(t, test.settings...)
			const numFiles, numRecords = 8, 8 * 1000
			pattern, want := writeInput(t, numFiles, numRecords/numFiles, 3000)
			out := t.TempDir()
			shards := max(test.shards, 3)

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
			test.kill(t, c, out)
			t.Logf("after %v: killed, and there are %d shards", time.Since(started), len(shardsIn(t, out)))
			result := <-done
			t.Logf("after %v: %v\n%s", time.Since(started), result.err, result.printed)
			require.True(t, c.sawFailures(t), "the job was disturbed while it ran")

			if test.fails {
				require.ErrorContains(t, result.err, "exit status 1")
				left := list(t, out)
				require.NotEmpty(t, left)
				for _, name := range left {
					require.True(t, name == left[0] || filepath.Dir(name) == left[0], "%s: nothing but temporary files may be there", name)
				}
				require.Regexp(t, `(?m)^arrayrecord-beam: job .* failed:$`, result.printed)
				if len(left) > 1 { // files that were being written had no names, where the disk can do that
					require.Contains(t, result.printed, "(temporary files may remain in "+left[0]+")\n")
				}
				return
			}
			require.NoError(t, result.err)
			var names []string
			for i := range shards {
				names = append(names, filepath.Join(out, fmt.Sprintf("x-%05d-of-%05d.arrayrecord", i, shards)))
			}
			sameRecords(t, want, readArrayRecords(t, names...))
			require.ElementsMatch(t, names, list(t, out), "nothing else is left")
			require.Regexp(t, fmt.Sprintf(`(?m)^ +wrote +%d files +%d records  `, shards, numRecords), result.printed)
		})
	}
}

// get asks Flink's REST interface.
func (c *cluster) get(path string, answer any) error {
	response, err := http.Get(c.rest + path)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(answer)
}

// sawFailures reports whether a part of the only job failed.
func (c *cluster) sawFailures(t *testing.T) bool {
	t.Helper()
	var all struct{ Jobs []struct{ ID string } }
	require.NoError(t, c.get("/jobs", &all))
	require.Len(t, all.Jobs, 1)
	var exceptions struct {
		ExceptionHistory struct {
			Entries []struct{ ExceptionName, Stacktrace string }
		}
	}
	require.NoError(t, c.get("/jobs/"+all.Jobs[0].ID+"/exceptions", &exceptions))
	for _, entry := range exceptions.ExceptionHistory.Entries {
		t.Logf("Flink saw %s: %.300s", entry.ExceptionName, entry.Stacktrace)
	}
	return len(exceptions.ExceptionHistory.Entries) > 0
}
