// Command hostile runs modules that mean harm on the shipped path and says
// where limits did not hold: made by hand, made of random bytes by wasm-smith,
// liars, and mutants of all of these and of the modules in wazero's own tests.
// Each is run in a child process with a watchdog, so that what kills it is
// known by name, and kept with a command that runs it again.
//
// With -oracle it asks V8 and wabt whether the decoder accepts what they refuse.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/jail"
	"github.com/grow-platform/grow/testdata/hostile/trial"
)

// options are what the command line says.
type options struct {
	minutes float64
	count   int
	seed    uint64
	jobs    int
	only    string
	out     string
	kept    string
	file    string
	oracle  int
	plain   bool
	light   bool // fewer of those made by hand, and none that takes seconds to compile
	child   bool
	verdict bool   // judge large modules only
	judge   string // be a process that does so
	slow    bool   // do not mind how long they take: tests run on any machine
}

// sleepers is how many children there are besides one for each processor: some modules
// wait until their time is over, and need none.
const sleepers = 2

func main() {
	jail.Enter() // modules are compiled in processes of this program
	var o options
	flag.Float64Var(&o.minutes, "minutes", 10, "how long to go on")
	flag.IntVar(&o.count, "count", 0, "stop after so many modules besides those made by hand; 0: when the time is over")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().Unix()), "the same seed makes the same modules")
	flag.IntVar(&o.jobs, "jobs", runtime.NumCPU()+sleepers, "child processes")
	flag.StringVar(&o.only, "only", "", "modules whose name contains this")
	flag.StringVar(&o.out, "out", "", "write what came of it to this file, as JSON")
	flag.StringVar(&o.kept, "kept", "hostile-found", "folder for modules that something is wrong with")
	flag.StringVar(&o.file, "file", "", "run this module alone, in this process")
	flag.IntVar(&o.oracle, "oracle", 0, "hold the decoder against V8 and wabt with so many mutants")
	flag.BoolVar(&o.plain, "plain", false, "make no modules with wasm-smith, which has to be built")
	flag.BoolVar(&o.verdict, "verdicts", false, "have large modules accepted or refused, each in a process of its own, and say what that takes")
	flag.StringVar(&o.judge, "judge", "", "be a process that accepts or refuses this module")
	flag.BoolVar(&o.child, "child", false, "be a child: read modules from standard input")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "hostile:", err)
		stop()
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	switch {
	case o.child:
		return child(ctx, os.Stdin, os.Stdout)
	case o.judge != "":
		return judgeFile(o.judge, os.Stdout)
	case o.verdict:
		return o.verdicts(ctx)
	case o.file != "":
		return o.alone(ctx)
	case o.oracle > 0:
		return o.compare(ctx)
	}
	return o.parent(ctx)
}

// alone runs one module in this process and prints its verdict.
func (o *options) alone(ctx context.Context) error {
	b, err := os.ReadFile(o.file)
	if err != nil {
		return err
	}
	e, err := app.NewEngine(ctx, "", nil)
	if err != nil {
		return err
	}
	job := &trial.Job{Name: o.file, Binary: b}
	if about, err := os.ReadFile(o.file + ".json"); err == nil { // what it was kept with
		if err := json.Unmarshal(about, job); err != nil {
			return fmt.Errorf("read %s.json: %w", o.file, err)
		}
		job.Binary = b
	}
	court := &trial.Court{Engine: e}
	v := court.Try(ctx, job)
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		return err
	}
	if err := court.Close(); err != nil {
		return err
	}
	if faults := judge(job, &v); len(faults) > 0 {
		return fmt.Errorf("%v", faults)
	}
	return e.Close(ctx)
}
