package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/testdata/hostile"
	"github.com/grow-platform/grow/testdata/hostile/trial"
)

const (
	sayEvery = 15 * time.Second // of progress
	slowest  = 5                // modules that are named
)

// report gathers what came of modules. It is safe for concurrent use.
type report struct {
	o     *options
	begin time.Time

	mu      sync.Mutex
	tried   int
	Verdict map[hostile.Class]map[string]int `json:"verdicts"`
	Found   []finding                        `json:"found"`
	Slow    []timed                          `json:"slowest"`
	Over    int                              `json:"overTwoSeconds"`
	Past    float64                          `json:"pastFuel"` // by how much fuel passed its limit at most, of 1
	Peak    int64                            `json:"peakBytes"`
	Kept    int64                            `json:"keptBytes"`    // more than before, at most
	P99     time.Duration                    `json:"neighbourP99"` // of the child where it was highest
	Half    time.Duration                    `json:"neighbourHalf"`
	Sent    int                              `json:"neighbourMessages"`
	Seed    uint64                           `json:"seed"`
	Modules int                              `json:"modules"`
	Seconds float64                          `json:"seconds"`
}

// finding is a module that something is wrong with.
type finding struct {
	Name  string   `json:"name"`
	Wrong []string `json:"wrong"`
	Path  string   `json:"path"` // where it is kept
}

type timed struct {
	Name string        `json:"name"`
	Took time.Duration `json:"took"`
}

func newReport(o *options) *report {
	return &report{o: o, begin: time.Now(), Seed: o.seed, Verdict: map[hostile.Class]map[string]int{}}
}

// judge says what is wrong with a verdict.
func judge(job *trial.Job, v *trial.Verdict) []string {
	wrong := slices.Clone(v.Faults)
	if len(job.Want) > 0 && !slices.Contains(job.Want, v.Code) {
		wrong = append(wrong, fmt.Sprintf("%s at %s, want %s: %s", v.Code, v.Stage, strings.Join(job.Want, " or "), firstLine(v.Text)))
	}
	return wrong
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// add takes a verdict.
func (r *report) add(job *trial.Job, v *trial.Verdict) {
	wrong := judge(job, v)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(job, v.Code)
	r.Past = max(r.Past, v.Past)
	if v.Slow > verdictTime {
		r.Over++
	}
	r.Slow = append(r.Slow, timed{job.Name, v.Slow})
	sort.SliceStable(r.Slow, func(i, k int) bool { return r.Slow[i].Took > r.Slow[k].Took })
	r.Slow = r.Slow[:min(len(r.Slow), slowest)]
	if len(wrong) > 0 {
		r.keep(job, wrong, "")
	}
}

func (r *report) count(job *trial.Job, code string) {
	r.tried++
	if r.Verdict[job.Class] == nil {
		r.Verdict[job.Class] = map[string]int{}
	}
	r.Verdict[job.Class][code]++
}

// killed takes a module that a child died of.
func (r *report) killed(job *trial.Job, words string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count(job, "crash")
	r.keep(job, []string{"the process died: " + firstLine(words)}, words)
}

// trouble takes what is no module's fault.
func (r *report) trouble(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Found = append(r.Found, finding{Name: "the run itself", Wrong: []string{err.Error()}})
	fmt.Println("   ", err)
}

// left takes what a child says at its end.
func (r *report) left(f *farewell) {
	if f == nil {
		return
	}
	r.mu.Lock()
	r.Peak, r.Kept = max(r.Peak, f.Peak), max(r.Kept, f.After-f.Before)
	r.P99, r.Half, r.Sent = max(r.P99, f.Neighbour.P99), max(r.Half, f.Neighbour.Half), r.Sent+f.Neighbour.Messages
	r.mu.Unlock()
	if failed := f.Neighbour.Failed; len(failed) > 0 {
		r.trouble(fmt.Errorf("messages of a neighbour failed: %s", strings.Join(failed, "; ")))
	}
	if f.After-f.Before > raced*memoryBack {
		r.trouble(fmt.Errorf("a child holds %d MiB more than before it began; %d are allowed", (f.After-f.Before)>>20, raced*memoryBack>>20))
	}
	if f.Goroutines > goroutinesBack {
		r.trouble(fmt.Errorf("a child has %d goroutines more than before it began", f.Goroutines))
	}
}

// keep writes a module and what is known of it to the folder of findings.
func (r *report) keep(job *trial.Job, wrong []string, words string) {
	name := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '-'
	}, job.Name)
	path := filepath.Join(r.o.kept, name[:min(len(name), 100)]+".wasm")
	about := *job
	about.Binary = nil
	text, err := json.MarshalIndent(about, "", "  ")
	err = errors.Join(err, os.MkdirAll(r.o.kept, 0o755), os.WriteFile(path, job.Binary, 0o644), os.WriteFile(path+".json", text, 0o644))
	if words != "" {
		err = errors.Join(err, os.WriteFile(path+".txt", []byte(words), 0o644))
	}
	r.Found = append(r.Found, finding{job.Name, wrong, path})
	fmt.Printf("    %s: %s\n      again: go run ./testdata/hostile/cmd -file %s\n", job.Name, strings.Join(wrong, "; "), path)
	if err != nil {
		fmt.Println("   ", err)
	}
}

// enough reports whether no more modules are wanted.
func (r *report) enough(sent int) bool {
	if r.o.count > 0 {
		return sent >= r.o.count
	}
	return time.Since(r.begin) >= time.Duration(r.o.minutes*float64(time.Minute))
}

// whole says of how much a run will be, where that is known.
func (r *report) whole() string {
	if r.o.count > 0 {
		return fmt.Sprintf(", of %d modules", r.o.count)
	}
	return fmt.Sprintf(" of %.0f", r.o.minutes*60)
}

// progress says how far it is until the channel it returns is closed.
func (r *report) progress() chan struct{} {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(sayEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				r.mu.Lock()
				fmt.Printf("    %4.0f s%s: %d modules, %d findings; fuel at most %.2f %% beyond its limit\n",
					time.Since(r.begin).Seconds(), r.whole(), r.tried, len(r.Found), 100*r.Past)
				r.mu.Unlock()
			}
		}
	}()
	return done
}

// finish prints what came of it, writes it, and fails when something was found.
func (r *report) finish() error {
	r.Modules, r.Seconds = r.tried, time.Since(r.begin).Seconds()
	classes := make([]string, 0, len(r.Verdict))
	for c := range r.Verdict {
		classes = append(classes, string(c))
	}
	sort.Strings(classes)
	for _, c := range classes {
		verdicts := r.Verdict[hostile.Class(c)]
		codes := make([]string, 0, len(verdicts))
		sum := 0
		for code, n := range verdicts {
			codes = append(codes, code)
			sum += n
		}
		sort.Slice(codes, func(i, k int) bool { return verdicts[codes[i]] > verdicts[codes[k]] })
		fmt.Printf("%-8s %6d ", c, sum)
		for _, code := range codes {
			fmt.Printf("  %s %d", code, verdicts[code])
		}
		fmt.Println()
	}
	for _, s := range r.Slow {
		fmt.Printf("verdict after %v: %s\n", s.Took.Round(time.Millisecond), s.Name)
	}
	fmt.Printf("%d modules in %.0f s, seed %d; %d took longer than %v to be accepted or refused\n", r.Modules, r.Seconds, r.Seed, r.Over, verdictTime)
	fmt.Printf("neighbour of isolated modules: %d messages, half of them within %v, 99 %% within %v\n", r.Sent, r.Half, r.P99)
	fmt.Printf("memory of a child: at most %d MiB, and %d MiB more at its end than before; %d may be\n", r.Peak>>20, r.Kept>>20, raced*memoryBack>>20)
	fmt.Printf("fuel beyond its limit: at most %.2f %%; %d %% may be\n", 100*r.Past, 100/trial.Overrun)
	var err error
	if r.o.out != "" {
		var b []byte
		if b, err = json.MarshalIndent(r, "", "  "); err == nil {
			err = os.WriteFile(r.o.out, append(b, '\n'), 0o644)
		}
	}
	if n := len(r.Found); n > 0 {
		for _, f := range r.Found {
			fmt.Printf("FOUND %s: %s\n", f.Name, strings.Join(f.Wrong, "; "))
		}
		err = errors.Join(err, fmt.Errorf("%d findings; their modules are in %s", n, r.o.kept))
	}
	return err
}
