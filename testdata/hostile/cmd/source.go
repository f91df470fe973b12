package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"github.com/grow-platform/grow/testdata/hostile"
	"github.com/grow-platform/grow/testdata/hostile/smith"
	"github.com/grow-platform/grow/testdata/hostile/trial"
	"github.com/grow-platform/grow/testdata/wat"
)

// Classes of what is not made by hand.
const (
	classSpec   hostile.Class = "spec"   // of the tests of wazero
	classSmith  hostile.Class = "smith"  // of random bytes
	classLiar   hostile.Class = "liar"   // lies at random
	classMutant hostile.Class = "mutant" // of any of the others
)

// parentMax is the size of the largest module that mutants are made of, in
// bytes: large ones take long and are seldom hit where it matters.
const parentMax = 64 << 10

// parentsMax is how many modules mutants are made of at a time.
const parentsMax = 30_000

// lightMax is the size of the largest module of a light run that takes long by
// being large, in bytes.
const lightMax = 8 << 10

// lightFuel is the fuel of a message, in a light run, of what never ends.
const lightFuel = 1_000_000

// source makes modules, always the same of a seed.
type source struct {
	o       *options
	hand    []hostile.Case
	parents [][]byte // of mutants
	turn    int      // the last one that was replaced
	specs   []named
	kinds   []chan []byte // from wasm-smith
	cancel  context.CancelFunc
	dir     string
}

type named struct {
	name   string
	binary []byte
}

func newSource(ctx context.Context, o *options) (*source, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := &source{o: o, hand: hostile.Cases(), cancel: cancel}
	if o.light {
		s.hand = hostile.Light()
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "hostile-"); err != nil {
		cancel()
		return nil, err
	}
	if err := s.gather(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *source) close() error {
	s.cancel()
	return os.RemoveAll(s.dir)
}

// gather reads and builds what modules are made of.
func (s *source) gather(ctx context.Context) error {
	for i := range s.hand {
		if c := &s.hand[i]; c.Class != hostile.Compile && c.Class != hostile.Memory {
			if b := c.Binary(); len(b) <= parentMax {
				s.parents = append(s.parents, b)
			}
		}
	}
	for _, name := range wat.Names() {
		s.parents = append(s.parents, wat.Module(name))
	}
	var err error
	if s.specs, err = specs(ctx); err != nil {
		return err
	}
	for _, n := range s.specs {
		if len(n.binary) <= parentMax {
			s.parents = append(s.parents, grafted(n.binary))
		}
	}
	if s.o.plain {
		return nil
	}
	return s.smiths(ctx)
}

// specs are the modules in the tests of wazero, those of the specification
// among them.
func specs(ctx context.Context) ([]named, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		return nil, fmt.Errorf("find the modules of wazero's tests: %w", err)
	}
	root := strings.TrimSpace(string(out))
	var list []named
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wasm" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		list = append(list, named{filepath.ToSlash(name), b})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the modules of wazero's tests: %w", err)
	}
	sort.Slice(list, func(i, k int) bool { return list[i].name < list[k].name })
	return list, nil
}

// smiths starts what makes modules of random bytes.
func (s *source) smiths(ctx context.Context) error {
	program, err := smith.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	exports, imports := filepath.Join(s.dir, "exports.wasm"), filepath.Join(s.dir, "imports.wasm")
	if err := errors.Join(os.WriteFile(exports, hostile.Exports(), 0o600), os.WriteFile(imports, hostile.Imports(), 0o600)); err != nil {
		return err
	}
	for _, kind := range [][]string{{"actor", exports, imports}, {"core"}, {"wild"}} {
		out := make(chan []byte, 16)
		s.kinds = append(s.kinds, out)
		go func() { // ends with ctx
			defer close(out)
			err := smith.Stream(ctx, program, kind[0], s.o.seed, kind[1:], func(b []byte) bool {
				select {
				case out <- b:
					return true
				case <-ctx.Done():
					return false
				}
			})
			if err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "hostile:", err)
			}
		}()
	}
	return nil
}

// each sends modules: first those made by hand, all of them, then others until
// it is enough.
func (s *source) each(ctx context.Context, jobs chan<- *trial.Job, enough func(sent int) bool) error {
	sent := 0
	send := func(job *trial.Job) error {
		if !strings.Contains(job.Name, s.o.only) {
			return nil
		}
		select {
		case jobs <- job:
			sent++
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	alone := s.alone()
	for i := range s.hand {
		job := trial.Of(&s.hand[i])
		if large := len(job.Binary) > lightMax; large && s.o.light && (job.Class == hostile.Compile || job.Class == hostile.CPU) {
			continue
		}
		if s.o.light && job.Class == hostile.CPU {
			job.Limits.Fuel = lightFuel
		}
		if err := send(job); err != nil {
			return err
		}
		if alone[job.Name] {
			if err := send(isolated(job)); err != nil {
				return err
			}
		}
	}
	if s.o.only != "" && s.o.count == 0 && sent > 0 {
		return nil
	}
	byHand := sent
	for n := 0; !enough(sent - byHand); n++ {
		job, err := s.nth(n)
		if err == nil {
			err = send(job)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alone are the names of those made by hand that are run in a process of their own too:
// what every run of the tests tries, of which a light run does one of eachAlone. What is
// refused before anything is started is the same there.
func (s *source) alone() map[string]bool {
	names := map[string]bool{}
	if runtime.GOOS != "linux" { // there are no such processes
		return names
	}
	for i, c := range hostile.Light() {
		switch c.Class {
		case hostile.CPU:
			names[c.Whole()] = c.Handles() && (!s.o.light || i%eachAlone == 0)
		case hostile.ABI, hostile.Memory, hostile.Stack, hostile.Trap, hostile.WASI:
			names[c.Whole()] = !s.o.light || i%eachAlone == 0
		}
	}
	return names
}

// eachAlone says of how many modules one is run in a process of its own: starting one
// takes as long as many modules do.
const eachAlone = 40

func isolated(job *trial.Job) *trial.Job {
	alone := *job
	alone.Name, alone.Isolated = job.Name+" (isolated)", true
	return &alone
}

// nth is a module that is not made by hand.
func (s *source) nth(n int) (*trial.Job, error) {
	job, err := s.made(n)
	if err == nil && n%eachAlone == n/eachAlone%eachAlone && runtime.GOOS == "linux" {
		job = isolated(job)
	}
	return job, err
}

func (s *source) made(n int) (*trial.Job, error) {
	r := rand.New(rand.NewPCG(s.o.seed, uint64(n)))
	switch k := n % 10; {
	case k < len(s.kinds):
		b, err := s.smith(k)
		return &trial.Job{Name: fmt.Sprintf("smith %d/%d", s.o.seed, n), Class: classSmith, Binary: b}, err
	case k == 3:
		if i := n / 10; i < len(s.specs) {
			return &trial.Job{Name: "spec " + s.specs[i].name, Class: classSpec, Binary: grafted(s.specs[i].binary)}, nil
		}
	case k < 6:
		return &trial.Job{Name: fmt.Sprintf("liar %d/%d", s.o.seed, n), Class: classLiar, Binary: hostile.Liar(r)}, nil
	}
	return &trial.Job{Name: fmt.Sprintf("mutant %d/%d", s.o.seed, n), Class: classMutant, Binary: s.mutant(r)}, nil
}

// smith is the next module of a kind. Mutants are made of it too.
func (s *source) smith(kind int) ([]byte, error) {
	b, ok := <-s.kinds[kind]
	if !ok {
		return nil, errors.New("wasm-smith makes no more modules")
	}
	b = grafted(b)
	switch {
	case len(b) > parentMax:
	case len(s.parents) < parentsMax:
		s.parents = append(s.parents, b)
	default: // in place of one that was chosen often enough
		s.turn = (s.turn + 1) % parentsMax
		s.parents[s.turn] = b
	}
	return b, nil
}

// grafted is an actor made of a module where that can be, so that it runs.
func grafted(b []byte) []byte {
	if g, err := hostile.Graft(b); err == nil {
		return g
	}
	return b
}

func (s *source) mutant(r *rand.Rand) []byte {
	any := func() []byte { return s.parents[r.IntN(len(s.parents))] }
	return hostile.Mutate(r, any(), any())
}
