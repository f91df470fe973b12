package shard

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/grow-platform/grow/abi"
)

// Clock is the time a shard lives by; tests and simulations inject their own.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in its own goroutine after d, unless stop is called first.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

// RealClock is the computer's.
type RealClock struct{}

// Now implements Clock.
func (RealClock) Now() time.Time { return time.Now() }

// AfterFunc implements Clock.
func (RealClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

// second makes timestamps: what is the same for a whole second is written once.
// It is safe for concurrent use.
type second struct {
	text atomic.Pointer[secondText]
	last atomic.Pointer[moment]
}

type secondText struct {
	unix int64
	text string // 2006-01-02T15:04:05
}

// moment is a time with what messages made then share.
type moment struct {
	now    int64
	shared *abi.Shared
}

// momentSpan is for how long, in nanoseconds, one moment is taken for the present:
// half of what a lane's clock may lag behind. Only where so many messages come that
// their order is not told by it are several of one moment.
const momentSpan = clockEvery / 2

// moment is what messages made now share: time (RFC 3339 in UTC, with
// nanoseconds) and the first attempt.
func (s *second) moment(now int64) *abi.Shared {
	if last := s.last.Load(); last != nil && now >= last.now && now-last.now < momentSpan {
		return last.shared
	}
	unix, nanos := now/1e9, now%1e9
	t := s.text.Load()
	if t == nil || t.unix != unix {
		t = &secondText{unix, time.Unix(unix, 0).UTC().Format("2006-01-02T15:04:05")}
		s.text.Store(t)
	}
	var text [32]byte
	n := copy(text[:], t.text)
	// A billion more gives the leading zeros, and a digit in the place of the point.
	digits := strconv.AppendInt(text[:n], 1e9+nanos, 10)
	digits[n] = '.'
	m := &moment{now, abi.Share(abi.Time, string(append(digits, 'Z')), abi.Attempt, "1")}
	s.last.Store(m)
	return m.shared
}
