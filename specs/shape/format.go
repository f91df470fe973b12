package shape

import (
	"net/netip"
	"net/url"
	"time"
	"unsafe"
)

// format is a named form of text, one of CUE's validators.
type format struct {
	name   string // as in CUE, with its argument: time.Time
	schema string // as in JSON Schema; "" when that has none
	// pattern is what JSON Schema can say of it otherwise; "" for nothing.
	pattern string
	about   string // for people: "a time (RFC 3339), like 2026-01-31T12:00:00Z"
	sample  string
	// least and most are the lengths that such texts can have, in characters;
	// most is 0 where nothing bounds it.
	least, most int
	fits        func(s string) bool
}

// admits lends s to the check as a string; no check keeps it.
func (f *format) admits(s []byte) bool { return f.fits(unsafe.String(unsafe.SliceData(s), len(s))) }

const timeSample = "2026-01-31T12:00:00Z"

// durations are those that [time.ParseDuration] takes, but for their size.
const durations = `^[-+]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)$`

// formats are the validators without arguments.
var formats = map[string]*format{
	"time.Time":     {schema: "date-time", about: "a time (RFC 3339), like " + timeSample, sample: timeSample, least: len(timeSample) - 1 /* Go takes an hour of one digit */, fits: isTime},
	"time.Duration": {pattern: durations, about: "a duration, like 1m30s", sample: "1s", least: 1, fits: func(s string) bool { _, err := time.ParseDuration(s); return err == nil }},
	"net.IP":        {about: "an IP address", sample: "192.0.2.1", least: len("::"), fits: func(s string) bool { _, err := netip.ParseAddr(s); return err == nil }},
	"net.IPv4":      {schema: "ipv4", about: "an IPv4 address", sample: "192.0.2.1", least: len("0.0.0.0"), most: len("255.255.255.255"), fits: func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }},
	"net.IPv6":      {schema: "ipv6", about: "an IPv6 address", sample: "2001:db8::1", least: len("::"), fits: func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is6() }},
	"net.IPCIDR":    {about: "a network, like 192.0.2.0/24", sample: "192.0.2.0/24", least: len("::/0"), fits: func(s string) bool { _, err := netip.ParsePrefix(s); return err == nil }},
	"net.URL":       {schema: "uri-reference", about: "a URL", sample: "https://example.com/", fits: func(s string) bool { _, err := url.Parse(s); return err == nil }},
	"net.AbsURL":    {schema: "uri", about: "an absolute URL, like https://example.com/", sample: "https://example.com/", least: len("a:"), fits: func(s string) bool { u, err := url.Parse(s); return err == nil && u.IsAbs() }},
}

func init() {
	for name, f := range formats {
		f.name = name
		if f.schema != "" {
			schemaFormats[f.schema] = f
		} else {
			schemaFormats[name] = f
		}
	}
}

// schemaFormats are the formats of JSON Schema that are checked; any other is
// a note for people.
var schemaFormats = map[string]*format{
	"date": layout(time.DateOnly),
	"uuid": {name: "uuid", schema: "uuid", about: "a UUID, like " + uuidSample, sample: uuidSample, least: len(uuidSample), most: len(uuidSample), fits: isUUID},
}

const uuidSample = "5b1f1c0e-8a3b-4f6d-9c27-1d2e3f405162"

func isUUID(s string) bool {
	if len(s) != len(uuidSample) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		digit := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if dash := uuidSample[i] == '-'; dash != (c == '-') || !dash && !digit {
			return false
		}
	}
	return true
}

// layout is CUE's time.Format.
func layout(of string) *format {
	fits := func(s string) bool { _, err := time.ParseInLocation(of, s, time.UTC); return err == nil }
	sample := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC).Format(of)
	f := &format{name: "time.Format(" + of + ")", about: "a time like " + sample, sample: sample, fits: fits}
	if of == time.DateOnly {
		f.schema, f.least, f.most = "date", len(of), len(of)
	}
	return f
}

// isTime is time.Parse with RFC 3339's layout. What is plainly a time is told
// without parsing, which would allocate a zone for each offset.
func isTime(s string) bool {
	if plainTime(s) {
		return true
	}
	_, err := time.ParseInLocation(time.RFC3339Nano, s, time.UTC)
	return err == nil
}

func plainTime(s string) bool {
	const shape = "0000-00-00T00:00:00"
	if len(s) <= len(shape) {
		return false
	}
	for i := range len(shape) {
		if shape[i] != '0' && s[i] != shape[i] || shape[i] == '0' && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	if m, d := two(5), two(8); m < 1 || m > 12 || d < 1 || d > 28 || two(11) > 23 || two(14) > 59 || two(17) > 59 {
		return false
	}
	i := len(shape)
	if s[i] == '.' {
		from := i + 1
		for i++; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		}
		if i == from || i-from > 9 {
			return false
		}
	}
	if s[i:] == "Z" {
		return true
	}
	const zone = "+00:00"
	if len(s)-i != len(zone) || s[i] != '+' && s[i] != '-' || s[i+3] != ':' {
		return false
	}
	for _, k := range []int{1, 2, 4, 5} {
		if s[i+k] < '0' || s[i+k] > '9' {
			return false
		}
	}
	return two(i+1) < 24 && two(i+4) < 60
}
