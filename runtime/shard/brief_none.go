//go:build !failpoint

package shard

// brief changes nothing, but for a build with the tag failpoint.
func brief(*Options) {}
