//go:build unpin_waiting

package shard

const planted = unpinWaiting
