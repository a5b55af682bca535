package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machine says on what is measured, as far as the system tells: processor, memory, kernel, file system of the working directory.
func machine() string {
	return fmt.Sprintf("%s, %d cores, %s memory, Linux %s, file system %s",
		after("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory(), firstLine("/proc/sys/kernel/osrelease"), fileSystem())
}

// after is what follows name and a colon in the first line of a file that begins with it.
func after(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(after("/proc/meminfo", "MemTotal"), " kB"), 64)
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%.0f GB", kilobytes*1024/1e9)
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// fileSystem is the type of that which the working directory, and so the data of all servers, is on.
func fileSystem() string {
	here, err := os.Getwd()
	if err != nil {
		return "unknown"
	}
	f, err := os.Open("/proc/self/mounts")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	found, longest := "unknown", -1
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue
		}
		point := strings.TrimSuffix(fields[1], "/")
		if (here == point || strings.HasPrefix(here, point+"/")) && len(point) >= longest {
			found, longest = fields[2], len(point)
		}
	}
	return found
}
