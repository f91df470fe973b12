// Package nats keeps journals in NATS JetStream: in a server inside this
// process, which listens nowhere and keeps its files in a folder, or in an
// external one.
//
// A journal is a stream of its own, GROW_J_<namespace>_<service>_<nn>, a record
// one message of it. Every append carries the sequence it expects to follow,
// which the server checks: that is the fence. The journal's blobs are in a
// stream beside it, GROW_B_…; snapshot pointers and leases are in two key-value
// buckets of the namespace, GROW_<namespace> on disk and GROW_LEASE_<namespace>
// in memory.
//
// Goroutines of a store, all of which Close ends: the keeper, which looks
// after the store's health (keeper.go), and those of two connections, one of
// which ends appends. A look at the disk has a goroutine of its own, since a system call
// on a dead disk does not return; there is one at a time.
package nats
