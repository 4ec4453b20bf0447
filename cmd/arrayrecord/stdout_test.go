package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	mainEnv   = "ARRAYRECORD_TEST_MAIN"
	statusEnv = "ARRAYRECORD_TEST_STATUS"
)

// This program is the command itself if the variable is set; the other names a file for the
// system's account of the process at its end.
func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) != "" {
		code := run(context.Background(), os.Args[1:], os.Stdin, standardOutput(), os.Stderr)
		if name := os.Getenv(statusEnv); name != "" {
			status, err := os.ReadFile("/proc/self/status")
			if err == nil {
				err = os.WriteFile(name, status, 0o666)
			}
			if err != nil {
				panic(err)
			}
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// runMain runs the command as a process with that output, nil for a closed descriptor.
func runMain(t *testing.T, stdout *os.File, args ...string) (code int, stderr string) {
	t.Helper()
	errors, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	defer errors.Close()
	p, err := os.StartProcess("/proc/self/exe", append([]string{"arrayrecord"}, args...), &os.ProcAttr{
		Env:   append(os.Environ(), mainEnv+"=1"),
		Files: []*os.File{nil, stdout, errors},
	})
	require.NoError(t, err)
	state, err := p.Wait()
	require.NoError(t, err)
	text, err := os.ReadFile(errors.Name())
	require.NoError(t, err)
	return state.ExitCode(), string(text)
}

func TestClosedOutputIsAnError(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	for _, args := range [][]string{{"cat", digits}, {"info", digits}, {"get", digits, "0"}} {
		code, stderr := runMain(t, nil, args...)
		require.Equal(t, 1, code, args)
		require.Contains(t, stderr, "bad file descriptor", args)
		code, stderr = runMain(t, null, args...)
		require.Zero(t, code, stderr)
	}
	code, stderr := runMain(t, nil, "clean", t.TempDir()) // has nothing to say
	require.Zero(t, code, stderr)
}
