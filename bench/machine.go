package main

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// A machine is what a run took place on.
type machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory int64  `json:"memory"` // bytes
	Kernel string `json:"kernel"`
	OS     string `json:"os"`
	Arch   string `json:"arch"`
}

// thisMachine asks the system; what it does not tell is left out.
func thisMachine() machine {
	m := machine{
		CPU:    lookUp("/proc/cpuinfo", "model name", ":"),
		Cores:  runtime.NumCPU(),
		OS:     strings.Trim(lookUp("/etc/os-release", "PRETTY_NAME", "="), `"`),
		Arch:   runtime.GOARCH,
		Kernel: firstLine("/proc/sys/kernel/osrelease"),
	}
	m.Memory = kibibytes("/proc/meminfo", "MemTotal")
	return m
}

// kibibytes is a value of a file that tells sizes in kB, in bytes; 0 if it is not there.
func kibibytes(name, key string) int64 {
	value, _, _ := strings.Cut(lookUp(name, key, ":"), " ")
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// resetPeak makes peakMemory start anew, and gives the resident memory of this
// process, less what has become free.
func resetPeak() (int64, error) {
	debug.FreeOSMemory()
	err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	return kibibytes("/proc/self/status", "VmRSS"), err
}

// peakMemory is the largest resident memory of this process since resetPeak.
func peakMemory() int64 { return kibibytes("/proc/self/status", "VmHWM") }

// lookUp gives the value behind the first line "key separator value" of a file.
func lookUp(name, key, separator string) string {
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		k, v, ok := strings.Cut(lines.Text(), separator)
		if ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// loadAverage is how many threads ran or waited for a processor in the last
// minute, on the average; 0 if the system does not tell.
func loadAverage() float64 {
	first, _, _ := strings.Cut(firstLine("/proc/loadavg"), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}

func firstLine(name string) string {
	b, _ := os.ReadFile(name)
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

// revision is the commit of the working tree, with "+changes" if the tree
// differs from it; "" outside of a clone.
func revision() string {
	out, err := exec.Command("git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+changes").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
