package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// damage flips bits of a file.
func damage(t *testing.T, name string, at ...int) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	for _, i := range at {
		data[i] ^= 0x40
	}
	require.NoError(t, os.WriteFile(name, data, 0o666))
}

func TestVerify(t *testing.T) {
	sound := writeFile(t, "a", "b", "c")
	require.Equal(t, sound+": sound, 3 records in 2 chunks can be read\n", ok(t, "verify", sound))

	damaged := writeFile(t, "r0", "r1", "r2", "r3", "r4")
	damage(t, damaged, 64+45)
	code, stdout, stderr := command(t, "verify", sound, damaged, damaged+"-missing")
	require.Equal(t, 1, code)
	require.Contains(t, stdout, sound+": sound")
	require.Contains(t, stdout, damaged+": damaged, 3 records in 2 chunks can be read\n  bytes 64 to ")
	require.Contains(t, stdout, "chunk data: hash mismatch; records 0 to 1 lost\n")
	require.Contains(t, stderr, damaged+": damaged")
	require.Contains(t, stderr, "missing")
	code, _, _ = command(t, "verify", damaged+"-missing")
	require.Equal(t, 1, code)
}

func TestVerifyPrintsJSON(t *testing.T) {
	name := writeFile(t, "r0", "r1", "r2", "r3", "r4")
	damage(t, name, 64+45)
	code, stdout, _ := command(t, "verify", "--json", filepath.Join(filepath.Dir(name), "*.arrayrecord"))
	require.Equal(t, 1, code)
	var info verifyInfo
	require.NoError(t, json.Unmarshal([]byte(stdout), &info))
	require.False(t, info.Sound)
	require.Equal(t, 3, info.Records)
	require.Len(t, info.Damage, 1)
	require.EqualValues(t, 64, info.Damage[0].Offset)
	require.Equal(t, 0, *info.Damage[0].FirstRecord)
	require.Equal(t, 2, *info.Damage[0].LostRecords)

	require.NoError(t, json.Unmarshal([]byte(ok(t, "verify", "--json", digits)), &info))
	require.True(t, info.Sound)
	require.Equal(t, 200, info.Records)
	require.Empty(t, info.Damage)
}

func TestVerifyOfWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{{"verify"}, {"verify", "--nonsense", digits}} {
		code, stdout, stderr := command(t, args...)
		require.Equal(t, 2, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "--help")
	}
}
