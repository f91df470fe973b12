//go:build !acknowledge_soon && !forget_keys && !skip_pending && !repeat_pending && !forget_dead && !forget_begun && !flap_keys && !unpin_flows && !unpin_waiting

package shard

const planted = noBug
