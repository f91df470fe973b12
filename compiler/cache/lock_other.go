//go:build !unix

package cache

import "os"

// tryLock leaves other processes to the locks that go and cargo hold of their
// own folders.
func tryLock(*os.File) (bool, error) { return true, nil }
