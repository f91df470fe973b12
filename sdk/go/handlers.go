package grow

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

type handler func(*Context, Message) error

// actor is the actor that this module is: what init functions registered.
// It is written before the first message only.
var actor struct {
	exact    map[string]handler
	prefixes []prefixed // longest first
	start    func(*Context) error
}

type prefixed struct {
	prefix string // "order." for the pattern order.*, "" for *
	handle handler
}

// On registers h for messages whose type fits pattern, decoding their data,
// which must be JSON, into a T. Data that does not decode is refused with the
// code data.decode, since trying again would not help: the host has checked it
// against the declared type, so either T cannot hold what the type allows, such
// as a whole number written 1e2, or the two have parted.
//
// A pattern is a type, the beginning of one as in order.*, or * for every
// type; of those that fit, the longest is taken. A message that none fits
// fails. On panics when a pattern is malformed or registered twice. Call it
// from init.
func On[T any](pattern string, h func(*Context, T) error) {
	into := reflect.TypeFor[T]()
	known := namesUnder(reflect.TypeFor[*T]())
	OnMessage(pattern, func(ctx *Context, m Message) error {
		var v T
		if err := known.decode(m.Data(), &v); err != nil {
			return Refusef("data.decode", "decode %s as %s: %v", m.Type(), into, err)
		}
		return h(ctx, v)
	})
}

// OnMessage registers h for messages whose type fits pattern, as [On] does,
// and hands it the message as it is: for data that is not JSON, or must be
// read byte for byte.
func OnMessage(pattern string, h func(*Context, Message) error) {
	prefix, wild := strings.CutSuffix(pattern, "*")
	if pattern == "" || strings.Contains(prefix, "*") || wild && prefix != "" && !strings.HasSuffix(prefix, ".") {
		panic(fmt.Sprintf("grow: pattern %q is neither a type nor one that ends in .* nor *", pattern))
	}
	if !wild {
		if _, twice := actor.exact[pattern]; twice {
			panic(fmt.Sprintf("grow: two handlers for %q", pattern))
		}
		if actor.exact == nil {
			actor.exact = make(map[string]handler)
		}
		actor.exact[pattern] = h
		return
	}
	if slices.ContainsFunc(actor.prefixes, func(p prefixed) bool { return p.prefix == prefix }) {
		panic(fmt.Sprintf("grow: two handlers for %q", pattern))
	}
	actor.prefixes = append(actor.prefixes, prefixed{prefix, h})
	slices.SortFunc(actor.prefixes, func(a, b prefixed) int { return cmp.Compare(len(b.prefix), len(a.prefix)) })
}

// Init registers h to run once in every instance, before messages, with the
// actor's config decoded into a C. An error keeps the instance from starting
// and is logged. h must not send. Init panics when called twice. Call it from
// init.
func Init[C any](h func(ctx *Context, config C) error) {
	if actor.start != nil {
		panic("grow: two handlers for the start of an instance")
	}
	actor.start = func(ctx *Context) error {
		var config C
		if err := ctx.Config(&config); err != nil {
			return err
		}
		return h(ctx, config)
	}
}

// find returns the handler for a type, or nil.
func find(typ []byte) handler {
	if h := actor.exact[string(typ)]; h != nil {
		return h
	}
	for _, p := range actor.prefixes {
		if len(typ) >= len(p.prefix) && string(typ[:len(p.prefix)]) == p.prefix {
			return p.handle
		}
	}
	return nil
}
