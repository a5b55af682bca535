package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/coxswain-io/coxswain/bench/load"
)

// setting is where and with what was measured. It is the first line of a journal.
type setting struct {
	Date     string   `json:"date"`
	Machine  string   `json:"machine"`
	Versions []string `json:"versions"`
	Program  string   `json:"program"` // a digest of our server's: a commit says little while one works
	Rounds   int      `json:"rounds"`
	Duration string   `json:"duration"`
	Warmup   string   `json:"warmup"`
}

// same reports whether results of both may stand in one report.
func (s setting) same(t setting) bool {
	return s.Program == t.Program && s.Machine == t.Machine && s.Rounds == t.Rounds && s.Duration == t.Duration && s.Warmup == t.Warmup
}

// record is one measurement that was made. It is one of the further lines of a journal.
type record struct {
	Round  int         `json:"round"` // from 0
	System string      `json:"system"`
	Row    string      `json:"row"`
	Result load.Result `json:"result"`
	Error  string      `json:"error,omitempty"` // instead of a result
}

// journal keeps what was measured, line by line, in a file, so that nothing is lost when the comparison is interrupted.
type journal struct {
	file    *os.File
	setting setting
	records []record
}

// readJournal reads what is in a file. It is an error if there is none.
func readJournal(path string) (*journal, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	j := &journal{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		var err error
		if n == 1 {
			err = json.Unmarshal(lines.Bytes(), &j.setting)
		} else {
			var r record
			if err = json.Unmarshal(lines.Bytes(), &r); err == nil {
				j.records = append(j.records, r)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
		}
	}
	return j, lines.Err()
}

// openJournal opens a file to add to. What is in it is kept if it is gone on with, and removed otherwise; s counts if there is
// nothing to go on with.
func openJournal(path string, goOn bool, s setting) (*journal, error) {
	j := &journal{}
	if goOn {
		old, err := readJournal(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err == nil {
			if !old.setting.same(s) {
				return nil, fmt.Errorf("%s was measured with another program, machine, or options: without --continue it begins anew", path)
			}
			j = old
		}
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_APPEND
	fresh := len(j.setting.Versions) == 0
	if fresh {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	j.file = f
	if fresh {
		j.setting = s
		if err := j.line(s); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return j, nil
}

// add keeps a record, in the file too.
func (j *journal) add(r record) error {
	j.records = append(j.records, r)
	return j.line(r)
}

func (j *journal) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(text, '\n'))
	return err
}

func (j *journal) close() error { return j.file.Close() }

// has reports whether a measurement was made, and has a result.
func (j *journal) has(round int, system, row string) bool {
	for _, r := range j.records {
		if r.Round == round && r.System == system && r.Row == row && r.Error == "" {
			return true
		}
	}
	return false
}

// results are those of one row and system; the index is the round, and a round without one is the zero value.
func (j *journal) results(row, system string) []load.Result {
	var all []load.Result
	for _, r := range j.records {
		if r.Row != row || r.System != system || r.Error != "" {
			continue
		}
		for len(all) <= r.Round {
			all = append(all, load.Result{})
		}
		all[r.Round] = r.Result
	}
	return all
}

// failures are the errors of rows that have no result in that round.
func (j *journal) failures() []record {
	var all []record
	for _, r := range j.records {
		if r.Error != "" && !j.has(r.Round, r.System, r.Row) {
			all = append(all, r)
		}
	}
	return all
}

// all is the figure of a row by system and round.
func (j *journal) all(row string, f figure) map[string]series {
	found := map[string]series{}
	for _, name := range systemNames {
		var s series
		for _, r := range j.results(row, name) {
			v := 0.0
			if r.Target != "" {
				v = f.of(r)
			}
			s = append(s, v)
		}
		found[name] = s
	}
	return found
}
