package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/coxswain-io/coxswain/internal/history"
)

// keep writes what is needed to understand a violation below Config.Dir and returns where: what was found, the history, and the
// servers' logs, at whose ends they say what each goroutine was doing. The cluster is of no use any more then.
func (r *run) keep(n int, found []string, recorded *history.History) (string, error) {
	dir := filepath.Join(r.Dir, "violation-"+strconv.Itoa(n))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	text := fmt.Appendf(nil, "seed %d, round %d\n", r.Seed, n)
	for _, line := range found {
		text = fmt.Appendln(text, line)
	}
	errs := []error{os.WriteFile(filepath.Join(dir, "found.txt"), text, 0o644)}
	if recorded != nil {
		_, err := r.keepHistory(filepath.Join(filepath.Base(dir), "history.json"), recorded)
		errs = append(errs, err)
	}
	c := r.site.cluster
	for i := range c.Len() {
		if c.Running(i) {
			errs = append(errs, os.WriteFile(filepath.Join(dir, fmt.Sprintf("server-%d.threads", i+1)), threads(c.PID(i)), 0o644))
			errs = append(errs, c.Resume(i), c.Abort(i))
		}
		log, err := os.ReadFile(c.LogFile(i))
		errs = append(errs, err, os.WriteFile(filepath.Join(dir, filepath.Base(c.LogFile(i))), log, 0o644))
	}
	return dir, errors.Join(errs...)
}

// keepHistory writes a history into a file below Config.Dir and returns which.
func (r *run) keepHistory(name string, recorded *history.History) (string, error) {
	file := filepath.Join(r.Dir, name)
	text, err := json.Marshal(recorded)
	if err != nil {
		return "", err
	}
	return file, os.WriteFile(file, text, 0o644)
}

// threads tells, where /proc does, whether each thread of a process runs, and if not what it waits for in the kernel.
func threads(pid int) []byte {
	var told []byte
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid)) // the pattern is good
	for _, task := range tasks {
		stat, _ := os.ReadFile(filepath.Join(task, "stat")) // empty for a thread that has just ended
		waits, _ := os.ReadFile(filepath.Join(task, "wchan"))
		told = fmt.Appendf(told, "%s %s\n", waits, stat)
	}
	return told
}
