// Package simulation runs the shipped shard, with its timers, snapshots and
// recovery, in worlds that follow from a number: everything of it is in the
// tests. docs/simulation.md says what happens there and how to have one again.
//
// A world has its own clock, disk, clients and scheduler. Of all goroutines one
// runs at a time; which one, how long the disk takes, what fails and when the
// process dies is drawn from the seed, so that the same seed is the same run.
//
// The files, in the order in which they are best read: world_test.go (one run),
// life_test.go (one life of the process in it), scheduler_test.go, disk_test.go,
// service_test.go (what is run), client_test.go (who uses it), model_test.go and
// audit_test.go (what must hold), simulation_test.go (many runs).
package simulation
