//go:build repeat_pending

package shard

const planted = repeatPending
