package shard

import (
	"errors"
	"fmt"

	"github.com/grow-platform/grow/abi"
)

// ErrTooLarge: a request is more than one message may be. It is an error of
// [Shard.Accept].
var ErrTooLarge = errors.New("message is larger than one may be")

// ownAttrs is how many attributes the shard gives a message itself.
const ownAttrs = 10

// bounds are limits of messages and mailboxes that no definition says. A shard
// has the standard ones; only tests give it others, before it is applied.
type bounds struct {
	data    int   // bytes of one message
	attrs   int   // of one message, those of the shard included
	name    int   // bytes of an attribute's name
	value   int   // bytes of its value
	mailbox int64 // bytes of messages waiting at a node
}

// standard are the bounds of the ABI; nothing changes them.
var standard = bounds{
	data: abi.DataMax, attrs: abi.AttrsMax, name: abi.AttrNameMax, value: abi.AttrValueMax, mailbox: abi.MailboxBytes,
}

// Fits says what of a request is more than one message may be, as [Shard.Accept] does.
func Fits(r *Request) error { return standard.check(r) }

// check holds a request against the bounds.
func (b *bounds) check(r *Request) error {
	if len(r.Data) > b.data {
		return fmt.Errorf("%w: it has %d bytes of data; at most %d are allowed", ErrTooLarge, len(r.Data), b.data)
	}
	if n := len(r.Attrs)/2 + ownAttrs; n > b.attrs {
		return fmt.Errorf("%w: it has %d attributes of its own; at most %d are allowed", ErrTooLarge, n-ownAttrs, b.attrs-ownAttrs)
	}
	for i := 0; i+1 < len(r.Attrs); i += 2 {
		if name, value := r.Attrs[i], r.Attrs[i+1]; len(name) > b.name || len(value) > b.value {
			return fmt.Errorf("%w: attribute %.60q has a name of %d bytes and a value of %d; at most %d and %d are allowed", ErrTooLarge, name, len(name), len(value), b.name, b.value)
		}
	}
	return nil
}
