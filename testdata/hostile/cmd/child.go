package main

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/testdata/hostile/trial"
	"github.com/grow-platform/grow/testdata/wat"
)

// Bounds on what a child may hold more of when it has done its work than when
// it had just begun.
const (
	memoryBack     = 256 << 20 // bytes
	goroutinesBack = 4
)

// reply is what a child says: of each module, and at the end of itself.
type reply struct {
	Verdict  *trial.Verdict `json:"verdict,omitempty"`
	Farewell *farewell      `json:"farewell,omitempty"`
}

// farewell is what a child held before it began and after it had ended.
type farewell struct {
	Before, After int64 // bytes in use
	Peak          int64
	Goroutines    int // more than before
	Neighbour     trial.Latency
}

// child tries the modules that in holds, in gob, and writes a line for each.
func child(ctx context.Context, in io.Reader, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	e, err := app.NewEngine(ctx, dir, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close(ctx)) }()
	court := &trial.Court{Engine: e}
	defer func() { err = errors.Join(err, court.Close()) }()
	if court.Neighbour, err = court.NewNeighbour(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, court.Neighbour.Close(ctx)) }()
	court.Try(ctx, &trial.Job{Binary: wat.Module("echo")}) // has made what is made once
	var bye farewell
	var goroutines int
	if bye.Before, goroutines, err = trial.Memory(); err != nil {
		return err
	}
	say := json.NewEncoder(out)
	read := gob.NewDecoder(bufio.NewReaderSize(in, 1<<20))
	for {
		var job trial.Job
		if err := read.Decode(&job); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("read module: %w", err)
		}
		v := court.Try(ctx, &job)
		if err := say.Encode(reply{Verdict: &v}); err != nil {
			return err
		}
	}
	if bye.After, bye.Goroutines, err = trial.Memory(); err != nil {
		return err
	}
	bye.Goroutines -= goroutines
	bye.Peak, bye.Neighbour = trial.Peak(), court.Neighbour.Latency()
	return say.Encode(reply{Farewell: &bye})
}
