//go:build acknowledge_soon

package shard

const planted = acknowledgeSoon
