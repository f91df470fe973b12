package simulation

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	seeds = flag.Uint64("seeds", 0, "run so many seeds, and print how far that is; 0: as many as a test may take")
	seed  = flag.Uint64("seed", 0, "the first of them; without -seeds it alone, with all of its trace")
	all   = flag.Bool("all", false, "go on after a seed in which something does not hold, and count them")
)

// usual is how many seeds the test runs that is one of all tests.
const usual = 4000

// progressEvery is how often a long run says how far it is.
const progressEvery = 5 * time.Second

// crowd runs many seeds, on all processors; each is a world of its own.
type crowd struct {
	first, count uint64

	mu     sync.Mutex
	next   uint64
	done   uint64
	failed uint64
	stop   bool
	found  findings
	told   time.Time
}

// take gives the next seed away; false: there is none.
func (c *crowd) take() (seed uint64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop || c.next == c.count {
		return 0, false
	}
	c.next++
	return c.first + c.next - 1, true
}

// took notes how a seed went.
func (c *crowd) took(t *testing.T, r *result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done++
	c.found.add(&r.found)
	if r.violation != "" {
		if c.failed++; c.failed == 1 {
			t.Error(r.text())
		}
		c.stop = !*all
	}
	if *seeds > 0 && time.Since(c.told) > progressEvery {
		c.told = time.Now()
		fmt.Fprintf(os.Stderr, "%d of %d seeds, %d with a violation\n", c.done, c.count, c.failed)
	}
}

// run runs all of them.
func (c *crowd) run(t *testing.T) {
	c.told = time.Now()
	t.Run("worlds", func(t *testing.T) {
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for seed, ok := c.take(); ok; seed, ok = c.take() {
					r := simulate(t, seed, nil)
					c.took(t, &r)
				}
			})
		}
	})
}

// TestSeeds runs many worlds, or the one of a seed.
func TestSeeds(t *testing.T) {
	if *seed != 0 && *seeds == 0 {
		r := simulate(t, *seed, func(line string) { fmt.Println(line) })
		if r.violation != "" {
			t.Fatal(r.text())
		}
		fmt.Printf("seed %d: all holds after %d steps; hash %016x\n", *seed, r.steps, r.hash)
		return
	}
	c := &crowd{first: *seed, count: *seeds}
	if c.count == 0 {
		c.count = usual / slower
	}
	began := time.Now()
	c.run(t)
	if *seeds > 0 {
		fmt.Printf("%+v\n", c.found)
		fmt.Printf("%d seeds from %d in %v: %d with a violation\n", c.done, c.first, time.Since(began).Round(time.Second), c.failed)
		return
	}
	if !t.Failed() {
		c.found.check(t)
	}
}

// TestReplay: a seed is the same run whenever it is had, beside whatever else.
func TestReplay(t *testing.T) {
	const count = 400 / slower
	hashes := make([]uint64, count)
	for round := range 2 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			for part := range uint64(2) {
				t.Run("", func(t *testing.T) {
					t.Parallel()
					for seed := part; seed < count; seed += 2 {
						r := simulate(t, seed, nil)
						if round == 1 && r.hash != hashes[seed] {
							t.Errorf("seed %d has the hash %x, and had %x", seed, r.hash, hashes[seed])
						}
						hashes[seed] = r.hash
					}
				})
			}
		})
	}
}

// planted are the build tags of errors that runtime/shard has on purpose.
func planted(t *testing.T) (tags []string) {
	files, err := filepath.Glob("../planted_*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if tag := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "planted_"), ".go"); tag != "none" {
			tags = append(tags, tag)
		}
	}
	if len(tags) < 5 {
		t.Fatalf("planted errors: %v", tags)
	}
	return tags
}

// found is what a run says of the first seed in which something does not hold.
var foundText = regexp.MustCompile(`seed (\d+), step \d+: (.*)`)

// TestPlanted: each error that is built in on purpose is found.
func TestPlanted(t *testing.T) {
	if testing.Short() || tags() != "" {
		t.Skip("builds this test again for each error")
	}
	for _, tag := range planted(t) {
		t.Run(tag, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "simulation.test")
			if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", tag, "-o", program, ".").CombinedOutput(); err != nil {
				t.Fatalf("build: %v\n%s", err, out)
			}
			out, err := exec.CommandContext(t.Context(), program, "-test.run=^TestSeeds$", "-seeds=1000").CombinedOutput()
			what := foundText.FindSubmatch(out)
			if err == nil || what == nil {
				t.Fatalf("not found in 1000 seeds:\n%s", out)
			}
			t.Logf("found in seed %s: %s", what[1], what[2])
			if want := "TAGS=" + tag; !strings.Contains(string(out), want) {
				t.Errorf("the command to replay it lacks %s:\n%s", want, out)
			}
		})
	}
}

// tags are those that this test was built with.
func tags() string {
	info, _ := debug.ReadBuildInfo()
	if info == nil {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return s.Value
		}
	}
	return ""
}
