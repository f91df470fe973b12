// Command bench measures what grow promises of its speed, each figure beside
// its reference from the same run. Services are started through cmd/grow's own
// constructor, package app: what is measured is what runs.
//
//	go run ./cmd/grow/bench [-only hop,http] [-out file.json] [-rounds 7]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/grow-platform/grow/host/jail"
)

// roundMax bounds one round of one figure.
const roundMax = 40 * time.Second

// measure is one figure: a value, and its reference taken in the same round.
type measure struct {
	name string
	unit string
	what string // in one line, for the table
	// goal bounds by: the ratio or the difference of value and reference, or
	// the value itself; atLeast turns the bound around.
	goal    float64
	by      basis
	atLeast bool
	// open prepares; round measures once; close cleans up.
	open func(ctx context.Context, w *workspace) (round func(ctx context.Context) (value, reference float64, err error), err error)
}

// missing: a figure cannot be taken on this machine, for want of something that is not grow's.
type missing struct{ err error }

// Error implements error.
func (m *missing) Error() string { return m.err.Error() }

type basis int

const (
	ratio basis = iota
	difference
	absolute
)

// Figure is what is written for a measure.
type Figure struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"` // median of the rounds
	Unit      string  `json:"unit"`
	Reference float64 `json:"reference"` // median of the rounds
	Ratio     float64 `json:"ratio"`     // median of each round's value over its reference
	Goal      float64 `json:"goal"`
	Met       bool    `json:"met"`
	Spread    float64 `json:"spread"` // interquartile range of the ratio, over its median
}

func main() {
	jail.Enter()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "prefixes of the figures to measure, separated by commas; empty: all")
	out := flags.String("out", "", "file to write the figures to, as JSON")
	rounds := flags.Int("rounds", 7, "rounds of each figure")
	clients := flags.String("clients", "", "run as the clients of neighbours, against this URL")
	caller := flags.String("caller", "", "run as the clients of swap and rehearsal-live, against the service at this address")
	asker := flags.String("asker", "", "run as who asks for the status in control, of the control API at this URL")
	profile := flags.String("profile", "", "file to write a CPU profile of the run to, for go tool pprof")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *clients != "" {
		return runClients(ctx, *clients, stdout)
	}
	if *caller != "" {
		return runCaller(ctx, *caller, os.Stdin, stdout)
	}
	if *asker != "" {
		return runAsker(ctx, *asker, os.Stdin, stdout)
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	w, err := newWorkspace()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var figures []Figure
	var taken []measure
	for _, m := range chosen {
		f, err := take(ctx, w, m, max(1, *rounds), stderr)
		var none *missing
		if errors.As(err, &none) {
			fmt.Fprintf(stderr, "%-16s left out: %v\n", m.name, none.err)
			continue
		}
		if err != nil {
			return fmt.Errorf("measure %s: %w", m.name, err)
		}
		figures, taken = append(figures, f), append(taken, m)
	}
	table(stdout, taken, figures)
	if *out == "" {
		return nil
	}
	b, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*out, append(b, '\n'), 0o644)
}

// choose returns the measures whose name begins with one of the prefixes.
func choose(only string) ([]measure, error) {
	if only == "" {
		return measures, nil
	}
	var chosen []measure
	for prefix := range strings.FieldsFuncSeq(only, func(r rune) bool { return r == ',' || r == ' ' }) {
		found := false
		for _, m := range measures {
			if !strings.HasPrefix(m.name, prefix) {
				continue
			}
			found = true
			if !slices.ContainsFunc(chosen, func(c measure) bool { return c.name == m.name }) {
				chosen = append(chosen, m)
			}
		}
		if !found {
			return nil, fmt.Errorf("no figure begins with %q; there are %s", prefix, names())
		}
	}
	return chosen, nil
}

func names() string {
	var list []string
	for _, m := range measures {
		list = append(list, m.name)
	}
	return strings.Join(list, ", ")
}

func take(ctx context.Context, w *workspace, m measure, rounds int, progress io.Writer) (Figure, error) {
	round, err := m.open(ctx, w)
	if err != nil {
		return Figure{}, err
	}
	var values, references, ratios []float64
	for i := range rounds {
		fmt.Fprintf(progress, "%-16s round %d of %d\n", m.name, i+1, rounds)
		limited, cancel := context.WithTimeout(ctx, roundMax)
		v, r, err := round(limited)
		cancel()
		if err != nil {
			return Figure{}, err
		}
		values, references, ratios = append(values, v), append(references, r), append(ratios, v/r)
	}
	f := Figure{Name: m.name, Unit: m.unit, Value: median(values), Reference: median(references), Ratio: median(ratios), Goal: m.goal}
	f.Spread = spread(ratios)
	got := f.Ratio
	switch m.by {
	case difference:
		got = f.Value - f.Reference
	case absolute:
		got = f.Value
	}
	f.Met = got <= m.goal
	if m.atLeast {
		f.Met = got >= m.goal
	}
	for _, x := range []*float64{&f.Value, &f.Reference, &f.Ratio, &f.Spread} {
		*x = significant(*x)
	}
	return f, nil
}

func table(w io.Writer, chosen []measure, figures []Figure) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "figure\tvalue\treference\tratio\tgoal\tmet\tspread\t  what")
	for i, f := range figures {
		met := "no"
		if f.Met {
			met = "yes"
		}
		fmt.Fprintf(t, "%s\t%g %s\t%g\t%.2f\t%s\t%s\t%.0f%%\t  %s\n", f.Name, f.Value, f.Unit, f.Reference, f.Ratio, chosen[i].bound(), met, 100*f.Spread, chosen[i].what)
	}
	_ = t.Flush() // to a terminal or a file; nobody to tell
}

// bound says a measure's goal in words.
func (m measure) bound() string {
	sign := "<="
	if m.atLeast {
		sign = ">="
	}
	switch m.by {
	case difference:
		return fmt.Sprintf("%s +%g %s", sign, m.goal, m.unit)
	case absolute:
		return fmt.Sprintf("%s %g %s", sign, m.goal, m.unit)
	}
	return fmt.Sprintf("%s %gx", sign, m.goal)
}

func median(list []float64) float64 { return quantile(list, 0.5) }

func spread(list []float64) float64 {
	return (quantile(list, 0.75) - quantile(list, 0.25)) / quantile(list, 0.5)
}

// quantile interpolates between the two nearest ranks.
func quantile(list []float64, q float64) float64 {
	s := slices.Sorted(slices.Values(list))
	at := q * float64(len(s)-1)
	i := int(at)
	if i+1 == len(s) {
		return s[i]
	}
	return s[i] + (at-float64(i))*(s[i+1]-s[i])
}

// significant rounds to four significant digits.
func significant(x float64) float64 {
	if x == 0 || math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}
