package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/compiler"
	"github.com/grow-platform/grow/compiler/project"
	"github.com/grow-platform/grow/specs"
)

const (
	swapRate    = 500             // swaps a second
	swapKeys    = 32              // with a state of their own
	swapLoad    = 1000            // requests a second
	swapStretch = 2 * time.Second // of a turn
	swapTurns   = 4               // of each of two things that are held against each other
	crossSwaps  = 5               // from Python to Rust in a round
	swapState   = 16 << 10        // bytes of each key's state
)

// The keepers count a key's messages in a state of swapState bytes, and say by
// what they are written.
const (
	rustKeeper = `use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Ask {}

#[derive(Default, Deserialize, Serialize)]
struct Kept {
    count: u64,
    text: String,
}

#[derive(Serialize)]
struct Told {
    by: &'static str,
    count: u64,
}

fn keep(ctx: &mut Context, _: Ask) -> Result {
    let mut kept: Kept = ctx.state().get("")?.unwrap_or_default();
    kept.count += 1;
    if kept.text.is_empty() {
        kept.text = "x".repeat(SIZE);
    }
    ctx.state().set("", &kept)?;
    ctx.send("keep.told", &Told { by: "rust", count: kept.count })
}

grow::actor! { "keep.ask" => keep }
`
	pythonKeeper = `import grow


@grow.on("keep.ask")
def keep(ctx, ask):
    kept = ctx.state.get() or {"count": 0, "text": "x" * SIZE}
    kept["count"] += 1
    ctx.state.set(kept)
    return grow.Output("keep.told", {"by": "python", "count": kept["count"]})
`
)

// keeper is the service of a keeper in a language, and its module.
type keeper struct {
	service *specs.Service
	modules map[string]string
}

// keeper makes one whose states have a text of so many bytes.
func (w *workspace) keeper(ctx context.Context, language, file, text string, size int) (k keeper, err error) {
	dir := filepath.Join(w.dir, fmt.Sprintf("keeper-%s-%d", language, size))
	err = writeAll(dir, map[string]string{
		"grow.yaml": "service: bench\nabout: Measures.\nhttp:\n  POST /keep: {send: keep.ask, to: keep, reply: {keep.told: 200}}\n",
		"types/bench.cue": "\"keep.ask\": {key: string}\n\"keep.told\": {by: string, count: int}\n" +
			"\"keep.state\": {count: int, text: string}\n",
		"actors/keep/actor.yaml": fmt.Sprintf("actor: keep\nabout: Counts.\ncode: {language: %[1]s, source: src/%[1]s}\n"+
			"in: [keep.ask]\nout: [keep.told]\nkey: data.key\nstate: keep.state\n", language),
		"actors/keep/src/" + language + "/" + file: strings.ReplaceAll(text, "SIZE", fmt.Sprint(size)),
	})
	if err != nil {
		return k, err
	}
	if k.service, err = app.Load(dir); err != nil {
		return k, err
	}
	built, err := project.Build(ctx, k.service, project.Options{})
	if failed := (*compiler.Error)(nil); errors.As(err, &failed) {
		return k, fmt.Errorf("%w\n%s", err, failed.Log)
	}
	if err != nil {
		return k, err
	}
	k.modules = map[string]string{"keep": built["keep"].Module}
	return k, nil
}

// other is the same code as another revision: n more messages may wait.
func (k keeper) other(n int) keeper {
	service, def := *k.service, *k.service.Actors["keep"]
	def.Scale.Mailbox += n
	service.Actors = map[string]*specs.Actor{"keep": &def}
	return keeper{&service, k.modules}
}

func (k keeper) start(ctx context.Context, dir, cache string) (*app.Host, error) {
	return app.Start(ctx, app.Options{
		Dir: dir, Service: k.service, Modules: k.modules, Listen: "127.0.0.1:0", Journal: app.Journal{At: app.Memory}, CacheDir: cache,
	})
}

// besideTurns asks beside two things, swapTurns times each by turns, so that whatever the machine
// does otherwise hits both, and the last one in a thousand is not one of three. What was
// asked beside the same thing is put together.
func besideTurns(ctx context.Context, h *app.Host, f, g func(ctx context.Context) error) (besideF, besideG []asked, err error) {
	for range swapTurns {
		some, err := beside(ctx, h, f)
		if err != nil {
			return nil, nil, err
		}
		besideF = append(besideF, some...)
		if some, err = beside(ctx, h, g); err != nil {
			return nil, nil, err
		}
		besideG = append(besideG, some...)
	}
	return besideF, besideG, nil
}

// quietly is for beside: nothing is done for a stretch.
func quietly(stretch time.Duration) func(ctx context.Context) error {
	return func(ctx context.Context) error { return pause(ctx, stretch) }
}

func tail(all []asked, q float64) float64 {
	list := make([]float64, len(all))
	for i, a := range all {
		list[i] = millis(a.took)
	}
	return quantile(list, q)
}

// swapping measures the 99.9th percentile of latencies while a Rust actor is
// replaced swapRate times a second, beside the same when it is not.
func swapping(ctx context.Context, w *workspace) (rounder, error) {
	k, err := w.keeper(ctx, "rust", "lib.rs", rustKeeper, swapState)
	if err != nil {
		return nil, err
	}
	revisions := []keeper{k, k.other(1)}
	var n int // swaps
	return func(ctx context.Context) (value, reference float64, err error) {
		h, err := k.start(ctx, filepath.Join(w.dir, "swap"), filepath.Join(w.dir, "cache"))
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		if _, err := beside(ctx, h, quietly(warmUp)); err != nil {
			return 0, 0, err
		}
		n = 0 // the first revision runs
		with, without, err := besideTurns(ctx, h, func(ctx context.Context) error { return swapMany(ctx, h, revisions, &n) }, quietly(swapStretch))
		if err != nil {
			return 0, 0, err
		}
		return tail(with, 0.999), tail(without, 0.999), nil
	}, nil
}

// swapMany swaps swapRate times a second for a stretch; when it is behind, without a
// pause. done counts all swaps. A machine that does not make half as many has no figure.
func swapMany(ctx context.Context, h *app.Host, revisions []keeper, done *int) error {
	begin := time.Now()
	for n := range int(swapRate * swapStretch.Seconds()) {
		if err := pause(ctx, time.Until(begin.Add(time.Duration(n)*time.Second/swapRate))); err != nil {
			return err
		}
		*done++
		next := revisions[*done%len(revisions)]
		changes, err := h.Apply(ctx, next.service, next.modules)
		if err != nil {
			return err
		}
		if len(changes) != 1 {
			return fmt.Errorf("swap %d changed %d nodes", n, len(changes))
		}
	}
	if took := time.Since(begin); took > 2*swapStretch {
		return fmt.Errorf("%.0f swaps a second are all that this machine makes, not %d", swapRate*swapStretch.Seconds()/took.Seconds(), swapRate)
	}
	return nil
}

// crossing is what swaps from Python to Rust took under load.
type crossing struct {
	moved float64 // ms from the command to the last key's, the median
	with  float64 // ms, the 99th percentile of latencies from the command to half a second later
	plain float64 // the same in Python, without a swap
}

// cross measures swaps from Python to Rust, and gives what pick does of them.
func cross(ctx context.Context, w *workspace, pick func(crossing) (value, reference float64)) (rounder, error) {
	python, err := w.keeper(ctx, "python", "main.py", pythonKeeper, swapState)
	if err != nil {
		return nil, err
	}
	rust, err := w.keeper(ctx, "rust", "lib.rs", rustKeeper, swapState)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (value, reference float64, err error) {
		h, err := python.start(ctx, filepath.Join(w.dir, "cross"), filepath.Join(w.dir, "cache"))
		if err != nil {
			return 0, 0, err
		}
		defer func() { err = errors.Join(err, stop(h)) }()
		if err := h.Prepare(ctx, rust.service, rust.modules); err != nil { // its machine code is on disk then
			return 0, 0, err
		}
		var moved []float64
		var with, plain []asked
		for range crossSwaps {
			one, err := crossOnce(ctx, h, python, rust)
			if err != nil {
				return 0, 0, err
			}
			moved, with, plain = append(moved, one.moved), append(with, one.with...), append(plain, one.plain...)
		}
		value, reference = pick(crossing{median(moved), tail(with, 0.99), tail(plain, 0.99)})
		return value, reference, nil
	}, nil
}

// crossed is one swap.
type crossed struct {
	moved       float64
	with, plain []asked
}

// crossStretch is how long each part of a swap is looked at.
const crossStretch = 500 * time.Millisecond

// crossOnce has Rust take over from Python, and then Python again, which is not
// measured.
func crossOnce(ctx context.Context, h *app.Host, python, rust keeper) (one crossed, err error) {
	if _, err := h.Apply(ctx, python.service, python.modules); err != nil {
		return one, err
	}
	if _, err := beside(ctx, h, quietly(crossStretch)); err != nil { // instances start
		return one, err
	}
	if one.plain, err = beside(ctx, h, quietly(crossStretch)); err != nil {
		return one, err
	}
	var begin, last time.Time
	all, err := beside(ctx, h, func(ctx context.Context) error {
		begin = time.Now()
		if _, err := h.Apply(ctx, rust.service, rust.modules); err != nil {
			return err
		}
		last = time.Now()
		return pause(ctx, crossStretch)
	})
	if err != nil {
		return one, err
	}
	for _, a := range all {
		if a.by == "python" && a.at.After(last) {
			last = a.at
		}
	}
	if !slices.ContainsFunc(all, func(a asked) bool { return a.by == "rust" }) {
		return one, errors.New("no message was handled in Rust")
	}
	one.with, one.moved = all, millis(last.Sub(begin))
	return one, nil
}
