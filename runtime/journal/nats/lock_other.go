//go:build !unix

package nats

import (
	"errors"
	"os"
)

// tryLock refuses: without a lock nothing keeps two owners of a folder apart.
func tryLock(*os.File) (bool, error) {
	return false, errors.New("this system has no lock that keeps two owners of a folder apart; use an external server")
}

func free(string) (int64, error) { return 0, errors.New("not known on this system") }
