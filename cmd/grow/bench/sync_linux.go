package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData has what was written to a file be on disk.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }
