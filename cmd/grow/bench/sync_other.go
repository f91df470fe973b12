//go:build !linux

package main

import (
	"os"
	"time"
)

// syncData has what was written to a file be on disk.
func syncData(f *os.File) error { return f.Sync() }

// sleep has the thread sleep.
func sleep(d time.Duration) { time.Sleep(d) }
