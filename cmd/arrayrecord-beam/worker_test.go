package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWorkerEndsWithItsParent(t *testing.T) {
	const asWorker = "ARRAYRECORD_BEAM_TEST_AS_WORKER"
	if os.Getenv(asWorker) != "" {
		endWithParent()
		fmt.Println("ready")
		time.Sleep(time.Minute)
		return
	}
	self, err := os.Executable()
	require.NoError(t, err)
	// Not exec: the shell is the parent.
	parent := exec.Command("sh", "-c", `"$0" -test.run='^TestWorkerEndsWithItsParent$'; true`, self)
	parent.Env = append(os.Environ(), asWorker+"=1")
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)

	killed := time.Now()
	require.NoError(t, parent.Process.Kill())
	_, err = io.ReadAll(out) // until the worker is gone too
	require.NoError(t, err)
	require.Less(t, time.Since(killed), 30*time.Second)
	require.Error(t, parent.Wait())
}
