package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/runtime/wasm"
	"github.com/grow-platform/grow/testdata/hostile/oracle"
)

const (
	oracleBatch = 500 // modules that V8 is asked of at a time
	oracleSmith = 5   // mutants to a module of wasm-smith
	samplesKept = 3   // modules that are kept of each reason
)

// comparison is what the decoder and the oracles said.
type comparison struct {
	o *options

	mu       sync.Mutex
	asked    int
	accepted int
	wabt     int
	ours     map[string]*reason // modules that V8 accepts and we do not
	found    []finding
}

// reason is one of ours for a refusal.
type reason struct {
	count, wabt int // modules, and those that wabt accepts too
	sample      string
}

// compare holds the decoder against V8 and wabt: on everything in the tests of
// wazero, on modules of wasm-smith, and on as many mutants as o says.
func (o *options) compare(ctx context.Context) error {
	if missing := oracle.Missing(); len(missing) > 0 {
		return fmt.Errorf("not found in PATH: %s; run .ci/setup test", strings.Join(missing, ", "))
	}
	fmt.Printf("seed %d\n", o.seed)
	begin := time.Now()
	source, err := newSource(ctx, o)
	if err != nil {
		return err
	}
	defer source.close()
	c := &comparison{o: o, ours: map[string]*reason{}}
	batches := make(chan []named)
	errs := make(chan error, o.jobs)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range o.jobs {
		go func() { errs <- c.serve(batches, cancel) }()
	}
	err = source.batches(ctx, batches, c, begin)
	close(batches)
	for range o.jobs {
		err = errors.Join(err, <-errs)
	}
	return errors.Join(err, c.finish(begin))
}

// batches sends what is compared.
func (s *source) batches(ctx context.Context, out chan<- []named, c *comparison, begin time.Time) error {
	var batch []named
	said := time.Now()
	send := func(name string, b []byte) error {
		if batch = append(batch, named{name, b}); len(batch) < oracleBatch && name != "" {
			return nil
		}
		if name == "" { // the last
			batch = batch[:len(batch)-1]
		}
		if time.Since(said) > sayEvery {
			said = time.Now()
			c.mu.Lock()
			fmt.Printf("    %4.0f s: %d modules, %d accepted, %d findings\n", time.Since(begin).Seconds(), c.asked, c.accepted, len(c.found))
			c.mu.Unlock()
		}
		select {
		case out <- batch:
			batch = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for i := range s.hand {
		if err := send("hand-made "+s.hand[i].Name, s.hand[i].Binary()); err != nil {
			return err
		}
	}
	for _, n := range s.specs {
		if err := send("spec "+n.name, n.binary); err != nil {
			return err
		}
	}
	for n := range s.o.oracle {
		r := rand.New(rand.NewPCG(s.o.seed, uint64(n)))
		if n%oracleSmith == 0 && len(s.kinds) > 0 {
			b, err := s.smith(n / oracleSmith % len(s.kinds))
			if err == nil {
				err = send(fmt.Sprintf("smith %d/%d", s.o.seed, n), b)
			}
			if err != nil {
				return err
			}
		}
		if err := send(fmt.Sprintf("mutant %d/%d", s.o.seed, n), s.mutant(r)); err != nil {
			return err
		}
	}
	return send("", nil)
}

// serve compares batches, with a V8 of its own.
func (c *comparison) serve(batches <-chan []named, cancel func()) (err error) {
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	v8, err := oracle.Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v8.Close()) }()
	dir, err := os.MkdirTemp("", "hostile-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for batch := range batches {
		modules := make([][]byte, len(batch))
		for i := range batch {
			modules[i] = batch[i].binary
		}
		verdicts, err := v8.Validate(modules)
		if err != nil {
			return err
		}
		for i := range batch {
			if err := c.one(v8, dir, &batch[i], verdicts[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// one compares what is said of one module; wabt is asked when the others
// do not agree.
func (c *comparison) one(v8 *oracle.V8, dir string, n *named, valid bool) error {
	_, ours := wasm.Decode(n.binary)
	agreed := (ours == nil) == valid
	var why, wabt string
	var err error
	if !agreed {
		if wabt, err = oracle.Wabt(dir, n.binary); err != nil {
			return err
		}
		if why, err = v8.Why(n.binary); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if ours == nil {
		c.accepted++
	}
	switch {
	case agreed:
	case ours == nil && wabt != "":
		return c.keep(n, fmt.Sprintf("accepted; V8: %s; wabt: %s", why, wabt))
	case ours == nil:
		c.wabt++ // V8 has a limit that we do not have
	default:
		return c.refused(n, ours, wabt)
	}
	return nil
}

// figures are what differs in reasons that are the same.
var figures = regexp.MustCompile(`at offset \d+: |0x[0-9a-f]+|"[^"]*"|\d+`)

// refused notes a module that V8 accepts and we do not. It is wrong to call
// invalid what wabt accepts too.
func (c *comparison) refused(n *named, ours error, wabt string) error {
	key := figures.ReplaceAllString(ours.Error(), "#")
	r := c.ours[key]
	if r == nil {
		r = &reason{sample: n.name + ": " + ours.Error()}
		c.ours[key] = r
	}
	r.count++
	if wabt != "" {
		return nil
	}
	r.wabt++
	var coded *wasm.Error
	if !errors.As(ours, &coded) || coded.Code == wasm.CodeInvalid && r.wabt <= samplesKept {
		return c.keep(n, "refused, though V8 and wabt accept it: "+ours.Error())
	}
	return nil
}

func (c *comparison) keep(n *named, wrong string) error {
	path := filepath.Join(c.o.kept, fmt.Sprintf("oracle-%d.wasm", len(c.found)))
	c.found = append(c.found, finding{n.name, []string{wrong}, path})
	fmt.Printf("    %s: %s\n      kept: %s\n", n.name, wrong, path)
	return errors.Join(os.MkdirAll(c.o.kept, 0o755), os.WriteFile(path, n.binary, 0o644))
}

func (c *comparison) finish(begin time.Time) error {
	keys := make([]string, 0, len(c.ours))
	for k := range c.ours {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, k int) bool { return c.ours[keys[i]].count > c.ours[keys[k]].count })
	fmt.Println("refused here, accepted by V8 (and by wabt):")
	for _, k := range keys {
		fmt.Printf("%7d %7d  %s\n                 such as %s\n", c.ours[k].count, c.ours[k].wabt, k, c.ours[k].sample)
	}
	fmt.Printf("%d modules in %.0f s, seed %d; %d accepted, %d of which V8 refuses and wabt does not\n", c.asked, time.Since(begin).Seconds(), c.o.seed, c.accepted, c.wabt)
	if n := len(c.found); n > 0 {
		return fmt.Errorf("%d findings; their modules are in %s", n, c.o.kept)
	}
	return nil
}
