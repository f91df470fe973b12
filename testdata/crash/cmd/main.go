// Command crash does harm to a running grow and checks what is left of it:
// see package crash. Its last line is a summary; it exits with 0 only when
// every round holds.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/grow-platform/grow/testdata/crash"
)

type options struct {
	fault, grow, dir string
	rounds, clients  int
	messages         int
	seed             uint64
	keep             bool
}

func main() {
	var o options
	flag.StringVar(&o.fault, "fault", "kill", "what is done: "+faults())
	flag.IntVar(&o.rounds, "rounds", 20, "how often")
	flag.IntVar(&o.clients, "clients", 32, "connections that load the service")
	flag.IntVar(&o.messages, "messages", 1_000_000, "of a backlog")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "the same seed draws the same entries and moments")
	flag.StringVar(&o.grow, "grow", "", "command to run; built from this folder when empty")
	flag.StringVar(&o.dir, "dir", "testdata/crash/service", "the service")
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
	dir, err := os.MkdirTemp("", "crash")
	if err != nil {
		return err
	}
	if o.grow == "" {
		o.grow = filepath.Join(dir, "grow")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", o.grow, "./cmd/grow").CombinedOutput(); err != nil {
			return fmt.Errorf("build grow: %w: %s", err, out)
		}
	}
	service, err := crash.Build(ctx, o.grow, o.dir, filepath.Join(dir, "service"))
	if err != nil {
		return err
	}
	r := crash.NewRun(service, o.seed, o.clients, func(format string, args ...any) { fmt.Printf(format+"\n", args...) })
	r.Messages = o.messages
	began := time.Now()
	held, ran, err := r.Rounds(ctx, o.fault, o.rounds)
	r.Close()
	if err == nil && !o.keep {
		err = os.RemoveAll(dir)
	} else {
		fmt.Println("the service is kept in", dir)
	}
	fmt.Printf("crash: fault %s, seed %d: %d of %d rounds held; %s, %v\n", o.fault, o.seed, held, ran, r.Summary(), time.Since(began).Round(time.Second))
	return err
}

// faults lists the faults there are.
func faults() string {
	var names []string
	for _, f := range crash.Faults {
		names = append(names, f.Name+" ("+f.About+")")
	}
	return strings.Join(names, ", ")
}
