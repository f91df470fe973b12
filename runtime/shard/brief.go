//go:build failpoint

package shard

import "time"

// brief has snapshots taken and the journal trimmed within seconds, so that make
// crash FAULT=failpoint comes to every moment in which these write. Only a build
// for that has it.
func brief(o *Options) {
	if o.Snapshots == (Snapshots{}) {
		return
	}
	o.Snapshots.Bytes, o.Snapshots.Entries, o.Snapshots.Every = 64<<10, 100, 500*time.Millisecond
	o.KeepBytes, o.KeepTime = 64<<10, time.Second
}
