// Package process runs the instances of a module in a worker process. Its
// engine hands modules and messages to another engine, which [Serve] serves
// there; in between lies memory that both have mapped.
//
// There is one worker for each module, with all its instances, each on a
// thread of its own. An instance has a line: a buffer and a word that says
// whose turn it is. Who has the turn writes a message, passes the turn and
// wakes the other. So a message that asks for nothing costs one exchange:
//
//	host                              worker
//	order: message, clocks, fuel  ->  guest runs
//	                              <-  report: answer, fuel, what it wrote
//
// Whatever a guest asks of its host ([engine.Host]) is a report, and what it is
// answered an order. Clocks and the first grant of fuel go with the order, what
// the guest wrote to its descriptors goes with the next report.
//
// Of an instance that is debugged ([engine.Debuggable]) what its debugger is asked is a
// report too: the debugger runs in the host, as it does for others. An order says whether
// there is one.
//
// A module may have probes ([engine.Debug]). Where its guest stands is a report too, and while
// the host looks at it, orders ask for its memory. Which probes report lies in memory that the
// host writes to at any time: a bell has the worker look there.
//
// The worker is not trusted. What it reports is copied out of the shared memory
// before it is looked at, and must be what may come at that point, within
// bounds. A worker that breaks the rules, dies, or does not come to an end once
// its message must, is killed; the messages it was handling fail with
// [engine.CodeDied]. The next instance is started in a new one.
package process
