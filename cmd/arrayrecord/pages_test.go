package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// The shell blocks of these pages run as they stand there, one after the other, in a directory that
// has testdata in it.
func TestPagesCommands(t *testing.T) {
	testdata, err := filepath.Abs(filepath.Join("..", "..", "testdata"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	wrapper := "#!/bin/sh\n" + mainEnv + "=1 exec '" + self + "' \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "arrayrecord"), []byte(wrapper), 0o777))
	for page, atLeast := range map[string]int{"docs/cli.md": 4, "docs/migrating.md": 2, "README.md": 1} {
		text, err := os.ReadFile(filepath.Join("..", "..", page))
		require.NoError(t, err)
		dir := t.TempDir()
		require.NoError(t, os.Symlink(testdata, filepath.Join(dir, "testdata")))
		run := 0
		for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`(?m)(^|\| )arrayrecord `).MatchString(block[1]) {
				continue // what needs a network, or a runner, other tests have
			}
			cmd := exec.Command("bash", "-euo", "pipefail", "-c", block[1])
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s:\n%s\n%s", page, block[1], out)
			run++
		}
		require.GreaterOrEqual(t, run, atLeast, page)
	}
}
