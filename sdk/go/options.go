package grow

import (
	"strconv"
	"strings"
	"time"
)

// Option sets an attribute of a message that is sent.
type Option struct {
	name, value string
}

// Status is the HTTP status with which a reply reaches the client.
func Status(code int) Option { return Option{"http.status", strconv.Itoa(code)} }

// Header is an HTTP header of a reply. Upper and lower case make no difference in name.
func Header(name, value string) Option {
	return Option{headerPrefix + strings.ToLower(name), value}
}

// Delay makes the message wait before it is delivered, counted in milliseconds
// and rounded up.
func Delay(d time.Duration) Option { return Option{"delay", milliseconds(d)} }

// Attr is an attribute of the actor's own. It becomes x.<name> and travels on
// with the messages sent for this one.
func Attr(name, value string) Option { return Option{"x." + name, value} }

func milliseconds(d time.Duration) string {
	d = max(d, 0)
	ms := d / time.Millisecond
	if d%time.Millisecond != 0 {
		ms++
	}
	return strconv.FormatInt(int64(ms), 10)
}
