//go:build forget_begun

package shard

const planted = forgetBegun
