//go:build flap_keys

package shard

const planted = flapKeys
