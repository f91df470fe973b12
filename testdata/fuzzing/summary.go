package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// entry is a line of the summary: one run of one target.
type entry struct {
	Target  string    `json:"target"`
	Digest  string    `json:"digest"` // of its sources
	Commit  string    `json:"commit"`
	Began   time.Time `json:"began"`
	Seconds float64   `json:"seconds"` // of fuzzing
	Inputs  int64     `json:"inputs"`
	New     int       `json:"new"`             // inputs that led somewhere new and are kept in Go's cache
	Found   string    `json:"found,omitempty"` // the input that failed, or what else went wrong; "": nothing
}

// summary is what is known of earlier runs.
type summary []entry

func read(path string) (all summary, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for n, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		var e entry
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("%s:%d is no line of a summary: %w; remove it to go on", path, n+1, err)
		}
		all = append(all, e)
	}
	return all, nil
}

// quiet is how long a target has run on the sources that it is made of now, without
// a finding since.
func (s summary) quiet(t *target) (ran time.Duration) {
	for _, e := range s {
		switch {
		case e.Target != t.id() || e.Digest != t.digest:
		case e.Found != "":
			ran = 0
		default:
			ran += time.Duration(e.Seconds * float64(time.Second))
		}
	}
	return ran
}

// add writes an entry at the end of the summary.
func add(path string, e entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}
