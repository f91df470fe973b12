//go:build unpin_flows

package shard

const planted = unpinFlows
