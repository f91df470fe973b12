package app

import (
	"errors"
	"path/filepath"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
)

// dataDir is the folder for what capabilities keep of the service.
func (h *Host) dataDir() string { return dataOf(h.opts.Dir, h.opts.Namespace, h.opts.Service.Name) }

// dataOf is that folder of a service of the host in dir.
func dataOf(dir, namespace, service string) string {
	return filepath.Join(StateDir(dir), dataDir, namespace, service)
}

// bucketFault is the error of a bucket that is damaged with its code, and what to do; any other
// error stays.
func bucketFault(err error) error {
	if !errors.Is(err, bucket.ErrDamaged) {
		return err
	}
	return &Error{Code: CodeJournalDamaged, Err: err, Hint: "see what is wrong: grow fsck; go on without what the bucket held: grow fsck --repair; or restore a backup: grow restore"}
}

// environment is what the host offers to capabilities. Buckets lie where the journal does.
func (h *Host) environment() capability.Environment {
	buckets, _ := h.store.(bucket.Store)
	objects, _ := h.store.(object.Store)
	return capability.Environment{Namespace: h.opts.Namespace, Secret: h.secret, Given: h.given, Networks: h.opts.Networks, Data: h.dataDir(), Buckets: buckets, Objects: objects}
}
