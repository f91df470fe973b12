package cron

import (
	"strings"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	for _, c := range []struct {
		cron, zone, after string
		want              []string
	}{
		{"0 3 * * *", "", "2026-01-01T00:00:00Z", []string{"2026-01-01T03:00:00Z", "2026-01-02T03:00:00Z"}},
		{"0 3 * * *", "Europe/Berlin", "2026-01-01T00:00:00Z", []string{"2026-01-01T02:00:00Z"}},
		{"0 3 * * *", "Asia/Kolkata", "2026-01-01T00:00:00Z", []string{"2026-01-01T21:30:00Z"}},
		{"*/20 9-10 * * MON-FRI", "", "2026-01-02T10:39:59Z", []string{"2026-01-02T10:40:00Z", "2026-01-05T09:00:00Z"}},
		{"0 0 29 2 *", "", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},
		{"0 3 5 * MON", "", "2026-01-01T00:00:00Z", []string{"2026-01-05T03:00:00Z", "2026-01-12T03:00:00Z"}}, // either day
		{"0 3 6 * MON", "", "2026-01-01T00:00:00Z", []string{"2026-01-05T03:00:00Z", "2026-01-06T03:00:00Z"}},
		{"@daily", "", "2026-01-01T00:00:00Z", []string{"2026-01-02T00:00:00Z"}},
		{"@every 90m", "", "2026-01-01T00:00:00Z", []string{"2026-01-01T01:30:00Z", "2026-01-01T03:00:00Z"}},
		// The hour that summer time leaves out, and the one that it has twice.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"}},
		{"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", []string{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"}},
	} {
		s, err := Parse(c.cron, c.zone)
		if err != nil {
			t.Errorf("%s: %v", c.cron, err)
			continue
		}
		at, err := time.Parse(time.RFC3339, c.after)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if at = s.Next(at); at.UTC().Format(time.RFC3339) != want {
				t.Errorf("%s in %q: %s, want %s", c.cron, c.zone, at.UTC().Format(time.RFC3339), want)
			}
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ cron, zone, says string }{
		{"", "", "does not say when"},
		{"0 3 * *", "", "does not say when"},
		{"0 0 3 * * *", "", "does not say when"},
		{"61 * * * *", "", "does not say when"},
		{"0 0 30 2 *", "", "is never due"},
		{"0 3 * * *", "Berlin", "there is no time zone Berlin"},
		{"0 3 * * *", "Local", "there is no time zone Local"},
		{"0 3 * * *", "../../etc/passwd", "there is no time zone"},
		{"TZ=UTC 0 3 * * *", "", "the zone has a field of its own"},
		{"@every 1ms", "", "is not such as"},
		{"@every -1h", "", "is not such as"},
		{"@reboot", "", "does not say when"},
	} {
		if _, err := Parse(c.cron, c.zone); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q in %q: %v, want %q", c.cron, c.zone, err, c.says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("*/5 1-3,7 L * MON#2", "UTC")
	f.Add("@every 1h", "Europe/Berlin")
	f.Fuzz(func(t *testing.T, expression, zone string) {
		s, err := Parse(expression, zone)
		if err != nil {
			return
		}
		begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		if next := s.Next(begin); !next.IsZero() && !next.After(begin) {
			t.Errorf("%q in %q: %v is not after %v", expression, zone, next, begin)
		}
	})
}
