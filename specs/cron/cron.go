// Package cron reads when something is due: the five fields of cron(5), or @hourly and the
// like, in a time zone.
package cron

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // for machines that have no zones

	lib "github.com/netresearch/go-cron"
)

// Times are the moments at which something is due. They are immutable.
type Times struct {
	schedule lib.Schedule
	zone     *time.Location
	hourly   bool // no hour of the day is named
}

var parser = lib.MustNewParser(lib.Minute | lib.Hour | lib.Dom | lib.Month | lib.Dow | lib.Descriptor | lib.DowOrDom)

// EveryMin is the shortest time between two moments of @every.
const EveryMin = time.Second

// ErrZone is what Parse says of a zone that is none.
var ErrZone = errors.New("there is no time zone")

// Parse reads an expression and the name of a zone of the IANA, "" for UTC.
func Parse(expression, zone string) (*Times, error) {
	if strings.Contains(expression, "TZ=") {
		return nil, errors.New("the zone has a field of its own")
	}
	where, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, fmt.Errorf("%w %s; they are called such as Europe/Berlin", ErrZone, zone)
	}
	if every, ok := strings.CutPrefix(expression, "@every "); ok {
		if d, err := time.ParseDuration(every); err != nil || d < EveryMin || d%EveryMin != 0 {
			return nil, fmt.Errorf("%q is not such as @every 90m, of whole seconds", expression)
		}
	}
	s, err := parser.Parse(expression)
	if err != nil {
		return nil, fmt.Errorf("%q does not say when: five fields do, minute, hour, day, month and day of the week, such as 0 3 * * *: %w", expression, err)
	}
	fields := strings.Fields(expression)
	t := &Times{s, where, len(fields) == 5 && strings.HasPrefix(fields[1], "*") || fields[0] == "@hourly" || fields[0] == "@every"}
	if t.Next(time.Unix(0, 0)).IsZero() {
		return nil, fmt.Errorf("%q is never due", expression)
	}
	return t, nil
}

// Next is the first moment after t; zero when there is none in the years to come. A time of
// the hour that summer time leaves out is an hour later; that of an hour which comes twice
// is its first, unless no hour is named.
func (s *Times) Next(t time.Time) time.Time {
	for {
		if t = s.schedule.Next(t.In(s.zone)); t.IsZero() || s.hourly || !repeated(t) {
			return t
		}
	}
}

// repeated reports whether the clock has shown the time of t shortly before.
func repeated(t time.Time) bool {
	for _, shift := range []time.Duration{time.Hour, time.Hour / 2} { // those there are
		before := t.Add(-shift)
		if before.Hour() == t.Hour() && before.Minute() == t.Minute() && before.Day() == t.Day() {
			return true
		}
	}
	return false
}
