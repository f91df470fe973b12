//go:build !linux

package process

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

var errUnsupported = errors.New("processes of actors need Linux: their memory is shared in a way that this system does not have")

type region struct{}

func newRegion(int) (region, *os.File, error)         { return region{}, nil, errUnsupported }
func mapRegion(*os.File, int) (region, error)         { return region{}, errUnsupported }
func (region) line(int, uint32) line                  { return line{} }
func (region) none() bool                             { return true }
func rights(*os.File) []byte                          { return nil }
func fileOf([]byte) (*os.File, error)                 { return nil, errUnsupported }
func (region) close() error                           { return nil }
func wait(*atomic.Uint32, uint32, time.Duration) bool { return false }
func wake(*atomic.Uint32)                             {}
