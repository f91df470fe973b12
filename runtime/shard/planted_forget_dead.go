//go:build forget_dead

package shard

const planted = forgetDead
