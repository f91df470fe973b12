package main

import (
	"context"

	ordered "github.com/grow-platform/grow/testdata/order"
)

// measures are all figures. A name keeps its meaning for ever.
var measures = []measure{
	{name: "hop", unit: "ns", goal: 3.0, what: "CPU from mailbox to next mailbox, direct, 10 to 100 actors; raw wazero call",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return hop(w, untyped, []int{10, 100}, true) }},
	{name: "hop-journal", unit: "ns", goal: 500, by: difference, what: "the same through the journal in memory; the same without",
		open: hopJournal},
	{name: "hop-typed", unit: "ns", goal: 2000, by: difference, what: "direct, with type check, key and a rule on JSON; raw wazero call",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return hop(w, typed, []int{10}, true) }},
	{name: "growth", unit: "ns", goal: 1.5, what: "CPU a hop with 1,000 actors; with 10",
		open: growth},
	{name: "http", unit: "requests/s", goal: 0.80, atLeast: true, what: "64 connections, one actor, everything on; plain Echo handler",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return overHTTP(ctx, w, 1) }},
	{name: "http3", unit: "requests/s", goal: 0.75, atLeast: true, what: "the same with three actors one after the other",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return overHTTP(ctx, w, 3) }},
	{name: "durable", unit: "us", goal: 1.6, what: "Rust actor, answered when it is on disk, one at a time, median; write and fdatasync",
		open: durableOne},
	{name: "durable-64", unit: "messages/s", goal: 10, atLeast: true, what: "the same, 64 in flight; JetStream that syncs each message",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return durable(ctx, w, 64) }},
	{name: "durable-4096", unit: "messages/s", goal: 60, atLeast: true, what: "the same, 4,096 in flight; JetStream that syncs each message",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return durable(ctx, w, 4096) }},
	{name: "durable-http", unit: "requests/s", goal: 0.5, atLeast: true, what: "64 connections, answered when it is on disk; plain Echo handler",
		open: durableHTTP},
	{name: "replay", unit: "entries/s", goal: 1_000_000, by: absolute, atLeast: true, what: "entries of a journal on disk read and applied; reading alone",
		open: replay},
	{name: "restart", unit: "ms", goal: 1000, by: absolute, what: "from the start to the first answer, with 60 MiB of journal that a crash left; with a new one",
		open: restart},
	{name: "backlog", unit: "s", goal: 15, by: absolute, what: "a million messages that waited when the last host ended, from the start on; 1",
		open: func(ctx context.Context, w *workspace) (rounder, error) {
			return backlog(ctx, w, func(seconds, _ float64) float64 { return seconds })
		}},
	{name: "backlog-memory", unit: "MiB", goal: 512, by: absolute, what: "memory of the process while it does so; 1",
		open: func(ctx context.Context, w *workspace) (rounder, error) {
			return backlog(ctx, w, func(_, mebibytes float64) float64 { return mebibytes })
		}},
	{name: "idle-key", unit: "bytes", goal: 200, by: absolute, what: "memory of a key without state that had a message; 1",
		open: idleKey},
	{name: "upload", unit: "ms", goal: 1000, by: absolute, what: "100 KB module with ten tests, from the first request to live; 1",
		open: uploads},
	{name: "deploy-20", unit: "ms", goal: 2000, by: absolute, what: "service of twenty actors, one of them changed, from the first request to live; 1",
		open: deploys},
	{name: "swap", unit: "ms", goal: 1.2, what: "99.9th percentile of a Rust actor with 16 KiB of state at 500 swaps a second; without swaps",
		open: swapping},
	{name: "swap-cross", unit: "ms", goal: 300, by: absolute, what: "Python to Rust at 1,000 messages a second, from the command to the last answer in Python; 1",
		open: func(ctx context.Context, w *workspace) (rounder, error) {
			return cross(ctx, w, func(c crossing) (float64, float64) { return c.moved, 1 })
		}},
	{name: "swap-cross-p99", unit: "ms", goal: 5, by: difference, what: "99th percentile in the half second from that command on; in Python, without a swap",
		open: func(ctx context.Context, w *workspace) (rounder, error) {
			return cross(ctx, w, func(c crossing) (float64, float64) { return c.with, c.plain })
		}},
	{name: "rehearsal", unit: "messages/s", goal: 100_000, by: absolute, atLeast: true, what: "10,000 recorded messages of a Rust actor handled again by another revision and compared, in a second of a processor; live",
		open: func(ctx context.Context, w *workspace) (rounder, error) {
			return rehearsing(ctx, w, "rust", "lib.rs", rustKeeper, rehearsedRust, perSecond)
		}},
	{name: "rehearsal-python", unit: "us", goal: 1.5, what: "CPU of a recorded message of a Python actor handled again and compared; live",
		open: func(ctx context.Context, w *workspace) (rounder, error) {
			return rehearsing(ctx, w, "python", "main.py", pythonKeeper, rehearsedPython, eachMicros)
		}},
	{name: "control", unit: "requests/s", goal: 0.95, atLeast: true, what: "as http, in a second of a processor, asked for the status 1,000 times a second; nobody asking",
		open: watched},
	{name: "start-rust", unit: "us", goal: 100, by: absolute, what: "new instance of a Rust actor to its first answer; bare wazero",
		open: startRust},
	{name: "start-rust-disk", unit: "us", goal: 3000, by: absolute, what: "the same from the module in the disk cache; bare wazero",
		open: startRustDisk},
	{name: "density", unit: "instances/GiB", goal: 30_000, by: absolute, atLeast: true, what: "small instances in a GiB of resident memory; bare wazero",
		open: density},
	{name: "test-100", unit: "ms", goal: 1000, by: absolute, what: "100 example tests of a built Rust actor; as many messages in bare wazero",
		open: runTests},
	{name: "vet-20", unit: "ms", goal: 50, by: absolute, what: "check of a project of 20 actors; reading its files",
		open: vet},
	{name: "check", unit: "ns", goal: 0.05, what: "type check of a 200-byte order; compiled JSON Schema validator, decoding included",
		open: check},
	{name: "rule", unit: "ns", goal: 1000, by: absolute, what: "routing rule with two conditions on the order's bytes; its type check",
		open: matching},
	{name: "watch", unit: "ms", goal: 300, by: absolute, what: "edit of an actor of 20 to its first answer, build time taken off; the build",
		open: savedToLive},
	{name: "neighbours", unit: "ms", goal: 10, by: absolute, what: "99th percentile over HTTP beside eight hostile actors at full load; without them",
		open: neighbours},
	{name: "debug-neighbour", unit: "ms", goal: 1.2, what: "99th percentile over HTTP beside an actor under load that is debugged, one of its keys standing still; debugged by nobody",
		open: attached},
	{name: "runaway", unit: "ms", goal: 10, by: absolute, what: "from a guest's time limit to its stop, the worst of 24; the limit",
		open: runaway},
	{name: "fuel-rust", unit: "ns", goal: 1.2, what: "CPU of a message in the Rust actor, rewritten to count fuel; as it was compiled",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return fuel(w.rust(ctx)) }},
	{name: "fuel-go", unit: "ns", goal: 1.2, what: "the same of a Go actor",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return fuel(w.golang(ctx)) }},
	{name: "fuel-c", unit: "ns", goal: 1.2, what: "the same of an actor in C",
		open: func(context.Context, *workspace) (rounder, error) { return fuel(ordered.Module(), nil) }},
	{name: "fuel-loops", unit: "x", goal: 1.5, by: absolute, what: "the same of five tight loops, the median of their ratios; 1",
		open: fuelLoops},
	{name: "admission", unit: "ms", goal: 100, by: absolute, what: "decoding, checking and rewriting the Go actor's module; wazero's decoding and lowering for its interpreter",
		open: admit},
	{name: "isolation", unit: "us", goal: 15, by: difference, what: "a message handled in a process of its own, median; in this process",
		open: isolation},
	{name: "start-isolated", unit: "ms", goal: 50, by: absolute, what: "Rust actor in a process of its own, from the module in the disk cache to its first answer; in this process",
		open: startIsolated},
	{name: "start-isolated-next", unit: "ms", goal: 25, by: absolute, what: "the same in a host that has an isolated actor, or after a process has died; in this process",
		open: nextIsolated},
	{name: "start-python", unit: "us", goal: 2000, by: absolute, what: "new instance of a Python actor to its first answer; the message alone in native Python",
		open: onPython(startPython, func(n native) float64 { return n.message / 1e3 })},
	{name: "python-json", unit: "us", goal: 20, by: absolute, what: "CPU of a message of 200 bytes of JSON; in native Python, whose json is not in C",
		open: onPython(pythonJSON, func(n native) float64 { return n.message / 1e3 })},
	{name: "python-loop", unit: "ms", goal: 4, what: "CPU of a loop in Python, fuel counted; in native Python of the same version",
		open: onPython(pythonLoop, func(n native) float64 { return n.loop / 1e6 })},
	{name: "capability", unit: "ns", goal: 300, by: difference, what: "a granted request that is answered without I/O; a call of a host function with the same bytes",
		open: granted},
	{name: "debug-rust", unit: "us", goal: 2.0, what: "CPU of a Rust actor that computes, built for a debugger, with one attached whose breakpoint is elsewhere; with none",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return debugging(ctx, w, rustDebugged) }},
	{name: "debug-python", unit: "us", goal: 1.2, what: "the same of a loop in Python",
		open: func(ctx context.Context, w *workspace) (rounder, error) { return debugging(ctx, w, pythonDebugged) }},
	{name: "debug-off", unit: "us", goal: 1.05, what: "the Rust actor after a debugger has left; where none has been",
		open: undebugged},
	{name: "debug-attach", unit: "ms", goal: 100, by: absolute, what: "from the bytes of a Rust module of 3 MB to one with probes whose machine code is kept; where it is not",
		open: attaching},
	{name: "python-density", unit: "instances/GiB", goal: 1200, by: absolute, atLeast: true, what: "live Python instances in a GiB of memory that is not shared; if none was shared",
		open: pythonDensity},
	{name: "python-build", unit: "ms", goal: 50, by: absolute, what: "checking and packing a Python actor of 1,000 lines after an edit; compiling it in native Python",
		open: pythonBuild},
}

// rounder measures one round: the value and its reference.
type rounder = func(ctx context.Context) (value, reference float64, err error)
