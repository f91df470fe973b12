//go:build forget_keys

package shard

const planted = forgetKeys
