//go:build !linux

package process

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// supported: workers need memory that is shared as Linux does it. Engines
// compile nothing here, and the rest is never called.
const supported = false

var errUnsupported = errors.New("worker processes of actors need Linux")

type region struct{}

func newRegion(int, bool) (region, *os.File, error)   { return region{}, nil, errUnsupported }
func mapRegion(*os.File, int, bool) (region, error)   { return region{}, errUnsupported }
func (region) line(int, uint32) line                  { return line{} }
func (region) arms(int, int) arms                     { return arms{} }
func (region) bell() *atomic.Uint32                   { return nil }
func rights(*os.File) []byte                          { return nil }
func fileOf([]byte) (*os.File, error)                 { return nil, errUnsupported }
func (region) close() error                           { return nil }
func wait(*atomic.Uint32, uint32, time.Duration) bool { return false }
func wake(*atomic.Uint32)                             {}
