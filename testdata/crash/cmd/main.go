// Command crash does harm to a running grow and checks what is left of it:
// see package crash. Its last line is a summary; it exits with 0 only when
// every round holds.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/grow-platform/grow/testdata/crash"
	"github.com/grow-platform/grow/testdata/postgres"
)

type options struct {
	fault, grow, service string
	rounds, clients      int
	messages             int
	seed                 uint64
	keep                 bool
}

func main() {
	var o options
	flag.StringVar(&o.fault, "fault", "kill", "what is done: "+faults())
	flag.IntVar(&o.rounds, "rounds", 20, "how often")
	flag.IntVar(&o.clients, "clients", 32, "connections that load the service")
	flag.IntVar(&o.messages, "messages", 1_000_000, "of a backlog")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "the same seed draws the same entries and moments")
	flag.StringVar(&o.grow, "grow", "", "command to run; built from this folder when empty")
	flag.StringVar(&o.service, "service", crash.ServiceBooks, "what it is done to: "+strings.Join(slices.Sorted(maps.Keys(crash.Services)), ", "))
	flag.BoolVar(&o.keep, "keep", false, "keep the folder of the service; it is always kept after a failure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Println("crash:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	from, ok := crash.Services[o.service]
	if !ok {
		return fmt.Errorf("there is no service %q; there are %s", o.service, strings.Join(slices.Sorted(maps.Keys(crash.Services)), ", "))
	}
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		return err
	}
	if o.fault == planted {
		return o.plant(ctx, dir)
	}
	if o.grow == "" {
		o.grow = filepath.Join(dir, "grow")
		if err := crash.BuildGrow(ctx, ".", o.grow); err != nil {
			return err
		}
	}
	service, err := crash.Build(ctx, o.grow, from, filepath.Join(dir, "service"))
	if err != nil {
		return err
	}
	r := crash.NewRun(service, o.seed, o.clients, say)
	r.Messages = o.messages
	end, err := o.prepare(r, from)
	if err != nil {
		return err
	}
	defer end()
	began := time.Now()
	held, ran, err := r.Rounds(ctx, o.fault, o.rounds)
	r.Close()
	if err == nil && !o.keep {
		err = os.RemoveAll(dir)
	} else {
		fmt.Println("the service is kept in", dir)
	}
	fmt.Printf("crash: fault %s, service %s, seed %d: %d of %d rounds held; %s, %v\n", o.fault, o.service, o.seed, held, ran, r.Summary(), time.Since(began).Round(time.Second))
	return err
}

// prepare has a run work on the service that was asked for; what it returns ends what that
// needs besides.
func (o *options) prepare(r *crash.Run, from string) (end func(), err error) {
	end = func() {}
	ledger := ""
	switch o.service {
	case crash.ServiceTriage:
		return end, r.Triage(from)
	case crash.ServiceEffectsPostgres:
		server, err := postgres.Start("fsync=off")
		if err != nil {
			return end, err
		}
		end = func() { _ = server.Stop() } // nobody needs it any more
		ledger = server.Address("postgres")
		fallthrough
	case crash.ServiceEffects:
		bank, err := r.Effects(ledger)
		if err != nil {
			end()
			return func() {}, err
		}
		database := end
		return func() { _ = bank(); database() }, nil // likewise
	}
	return end, nil
}

// faults lists the faults there are.
func faults() string {
	var names []string
	for _, f := range crash.Faults {
		names = append(names, f.Name+" ("+f.About+")")
	}
	return strings.Join(append(names, planted+" (builds with errors on purpose, each of which kill must find)"), ", ")
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// planted is the fault that checks the checker.
const planted = "planted"

// plant runs builds of grow that have an error each; kill must find all.
func (o *options) plant(ctx context.Context, dir string) error {
	missed, grow := 0, filepath.Join(dir, "grow")
	for n, bug := range slices.Sorted(maps.Keys(crash.Planted)) {
		if err := crash.BuildGrow(ctx, ".", grow, "-tags", bug); err != nil {
			return err
		}
		o.service = crash.Planted[bug]
		service, err := crash.Build(ctx, grow, crash.Services[o.service], filepath.Join(dir, fmt.Sprint(n)))
		if err != nil {
			return err
		}
		r := crash.NewRun(service, o.seed, o.clients, say)
		end, err := o.prepare(r, crash.Services[o.service])
		if err != nil {
			return err
		}
		held, ran, err := r.Rounds(ctx, "kill", o.rounds)
		r.Close()
		end()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			first, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), fmt.Sprintf("round %d does not hold:\n", ran)), "\n")
			say("%s: found in round %d: %s", bug, held+1, first)
		default:
			missed++
			say("%s: NOT FOUND in %d rounds", bug, ran)
		}
	}
	say("crash: fault %s, seed %d: %d of %d planted bugs found", planted, o.seed, len(crash.Planted)-missed, len(crash.Planted))
	if missed > 0 {
		return fmt.Errorf("%d planted bugs were not found", missed)
	}
	return os.RemoveAll(dir)
}
