//go:build !acknowledge_soon && !forget_keys && !skip_pending && !repeat_pending && !forget_dead && !forget_begun && !flap_keys

package shard

const planted = noBug
