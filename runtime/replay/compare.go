package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/runtime/capability"
)

// Mask says what may differ. A path begins with data, for every output, or
// with state and the name of a value, unless that is "", and goes on with names of
// fields: data.at. Items of lists are named by *, as is any field: data.items.*.price.
type Mask struct {
	Ignore    []string           // not compared, with all that is below
	Near      map[string]float64 // numbers that may differ by so much, relative to the larger
	Unordered bool               // outputs may come in any order
}

// Difference is one thing that came out otherwise than it did then.
type Difference struct {
	Name string `json:"name"` // of its shape: the same for all that differ so
	Path string `json:"path"` // of the very place
	Was  string `json:"was,omitempty"`
	Is   string `json:"is,omitempty"`
}

// shownMax bounds the bytes of a value in a report.
const shownMax = 2 << 10

// hide takes out of what people are shown what they must not see; nil: nothing. It is
// called before anything is cut, for half of a secret would not be known.
type hide func([]byte) []byte

// text is a short text for people.
func (h hide) text(s string) string {
	if h == nil {
		return s
	}
	return string(h([]byte(s)))
}

// shown is data for people, shortened.
func (h hide) shown(b []byte) string {
	if h != nil {
		b = h(b)
	}
	text := strings.ToValidUTF8(string(b[:min(len(b), shownMax)]), "\uFFFD")
	if len(b) > shownMax {
		text += fmt.Sprintf("… (%d bytes)", len(b))
	}
	return text
}

// finder collects differences.
type finder struct {
	mask *Mask
	hide hide
	list []Difference
	root string // begin of the names of outputs: output.TYPE
}

// differences is what differs between what came of a message then and now.
func (m *Mask) differences(then, now *Outcome, h hide) []Difference {
	f := &finder{mask: m, hide: h}
	if then.What != now.What || then.Code != now.Code {
		f.outcome(then, now)
	}
	if len(now.Unknown) > 0 || !slices.Equal(then.Calls, now.Calls) {
		f.requests(then, now)
	}
	if then.What == "handled" && now.What == "handled" {
		if !slices.EqualFunc(then.Outputs, now.Outputs, alike) {
			f.outputs(then.Outputs, now.Outputs)
		}
		if !slices.EqualFunc(then.State, now.State, unchanged) {
			f.state(then, now)
		}
	}
	return f.list
}

// alike reports whether two outputs are the same to the byte, as nearly all are: only others
// are looked at field by field.
func alike(was, is Output) bool {
	return was.Type == is.Type && (was.Delay < 0 || is.Delay < 0 || was.Delay == is.Delay) && bytes.Equal(was.Data, is.Data) && maps.Equal(was.Attrs, is.Attrs)
}

// unchanged reports whether two writes are the same to the byte.
func unchanged(was, is capability.Change) bool {
	return was.Name == is.Name && (was.Data == nil) == (is.Data == nil) && bytes.Equal(was.Data, is.Data)
}

// buried is what differs of a dead letter: whether it is refused, and with which code. One
// that failed may do anything but be refused.
func buried(then, now *Outcome, h hide) []Difference {
	if then.What == "failed" && now.What != "refused" || then.What == now.What && then.Code == now.Code {
		return nil
	}
	f := finder{hide: h}
	f.outcome(then, now)
	return f.list
}

func (f *finder) outcome(then, now *Outcome) {
	f.add("outcome."+word(now), "outcome", f.hide.outcome(then), f.hide.outcome(now))
}

func word(o *Outcome) string {
	if o.Code == "" {
		return o.What
	}
	return o.What + "." + o.Code
}

func (h hide) outcome(o *Outcome) string {
	if o.What == "handled" {
		return o.What
	}
	return strings.TrimSpace(o.What + " " + h.text(o.Code) + ": " + h.shown([]byte(o.Text)))
}

// add notes a difference, whose values may be seen already. Fields have any names.
func (f *finder) add(name, path, was, is string) {
	f.list = append(f.list, Difference{f.hide.text(name), f.hide.text(path), was, is})
}

// requests compares what was asked of grants: what has no recorded answer, and
// what is not asked any more.
func (f *finder) requests(then, now *Outcome) {
	for i := range now.Unknown {
		a := &now.Unknown[i]
		was := "no request of " + a.Use
		if a.Nearest > 0 {
			was = fmt.Sprintf("request %d is the nearest recorded", a.Nearest)
		}
		f.add("request."+a.Use+"."+a.Operation, "request "+strconv.Itoa(a.Call), was, strings.TrimSpace(a.Operation+" "+a.Data))
	}
	left := map[Call]int{}
	for _, c := range now.Calls {
		left[c]++
	}
	for i, c := range then.Calls {
		if left[c]--; left[c] < 0 && len(now.Unknown) == 0 {
			f.add("request."+c.Use+"."+c.Operation+".missing", "request "+strconv.Itoa(i+1), c.Operation, "")
		}
	}
}

// outputs compares messages type by type, those of a type in their order, or,
// unordered, those that are equal first; and then the order of the types.
func (f *finder) outputs(then, now []Output) {
	before := len(f.list)
	types := map[string]bool{}
	for _, list := range [][]Output{then, now} {
		for i := range list {
			types[list[i].Type] = true
		}
	}
	for _, t := range slices.Sorted(maps.Keys(types)) {
		was, is := of(then, t), of(now, t)
		if f.mask.Unordered {
			was, is = f.mask.unequal(was, is)
		}
		for i := range min(len(was), len(is)) {
			f.output(was[i], is[i], i)
		}
		for i := len(is); i < len(was); i++ {
			f.add("output."+t+".missing", "output "+t, f.hide.shown(was[i].Data), "")
		}
		for i := len(was); i < len(is); i++ {
			f.add("output."+t+".extra", "output "+t, "", f.hide.shown(is[i].Data))
		}
	}
	if len(f.list) == before && !f.mask.Unordered {
		if a, b := order(then), order(now); a != b {
			f.add("outputs.order", "outputs", a, b)
		}
	}
}

// of are the outputs of a type.
func of(list []Output, t string) (some []*Output) {
	for i := range list {
		if list[i].Type == t {
			some = append(some, &list[i])
		}
	}
	return some
}

func order(list []Output) string {
	var types []string
	for i := range list {
		types = append(types, list[i].Type)
	}
	return strings.Join(types, " ")
}

// unequal leaves out the pairs that are equal.
func (m *Mask) unequal(was, is []*Output) (a, b []*Output) {
	b = slices.Clone(is)
	for _, w := range was {
		i := slices.IndexFunc(b, func(o *Output) bool {
			f := finder{mask: m}
			f.output(w, o, 0)
			return len(f.list) == 0
		})
		if i < 0 {
			a = append(a, w)
			continue
		}
		b = slices.Delete(b, i, i+1)
	}
	return a, b
}

// output compares two messages of one type.
func (f *finder) output(was, is *Output, n int) {
	f.root = "output." + was.Type
	at := fmt.Sprintf("%s[%d]", was.Type, n)
	f.data([]string{"data"}, at, was.Data, is.Data)
	names := maps.Clone(was.Attrs)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, is.Attrs)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a, b := was.Attrs[name], is.Attrs[name]; a != b && !f.mask.ignores([]string{name}) {
			f.add(f.root+"."+name, at+"."+name, f.hide.text(a), f.hide.text(b))
		}
	}
	if was.Delay >= 0 && is.Delay >= 0 && was.Delay != is.Delay {
		f.add(f.root+".delay", at+".delay", was.Delay.String(), is.Delay.String())
	}
}

// state compares what the values are afterwards.
func (f *finder) state(then, now *Outcome) {
	names := map[string]bool{}
	for _, o := range []*Outcome{then, now} {
		for i := range o.State {
			names[o.State[i].Name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, is := then.after(now.before, name), now.after(now.before, name)
		path := []string{"state", name}
		if name == "" {
			path = path[:1]
		}
		at := strings.Join(path, " ")
		switch {
		case f.mask.ignores(path):
		case was == nil && is != nil:
			f.add(f.name(path)+".extra", at, "", f.hide.shown(is))
		case was != nil && is == nil:
			f.add(f.name(path)+".missing", at, f.hide.shown(was), "")
		default:
			f.data(path, at, was, is)
		}
	}
}

// data compares two values, as JSON if they are.
func (f *finder) data(path []string, at string, was, is []byte) {
	if bytes.Equal(was, is) || f.mask.ignores(path) {
		return
	}
	a, oka := parse(was)
	b, okb := parse(is)
	if !oka || !okb {
		f.add(f.name(path), at, f.hide.shown(was), f.hide.shown(is))
		return
	}
	f.value(path, at, a, b)
}

func parse(b []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return v, utf8.Valid(b) && d.Decode(&v) == nil && !d.More()
}

// name is that of the shape of a difference at a path.
func (f *finder) name(path []string) string {
	if path[0] == "state" {
		return strings.Join(path, ".")
	}
	return f.root + "." + strings.Join(path, ".")
}

// absent is what a field is that is not there.
type absent struct{}

func (f *finder) value(path []string, at string, was, is any) {
	if f.mask.ignores(path) {
		return
	}
	switch a := was.(type) {
	case map[string]any:
		if b, ok := is.(map[string]any); ok {
			f.object(path, at, a, b)
			return
		}
	case []any:
		if b, ok := is.([]any); ok {
			for i := range max(len(a), len(b)) {
				f.value(append(path[:len(path):len(path)], "*"), fmt.Sprintf("%s[%d]", at, i), item(a, i), item(b, i))
			}
			return
		}
	case json.Number:
		if b, ok := is.(json.Number); ok && f.mask.near(path, a, b) {
			return
		}
	default:
		if was == is { // text, bool, null: neither is an object or a list, or was is none
			return
		}
	}
	f.add(f.name(path), at, f.hide.value(was), f.hide.value(is))
}

func (f *finder) object(path []string, at string, a, b map[string]any) {
	names := maps.Clone(a)
	maps.Copy(names, b)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, ok := a[name]
		if !ok {
			was = absent{}
		}
		is, ok := b[name]
		if !ok {
			is = absent{}
		}
		f.value(append(path[:len(path):len(path)], name), at+"."+name, was, is)
	}
}

func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return absent{}
}

func (h hide) value(v any) string {
	if _, none := v.(absent); none {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		b = fmt.Append(nil, v)
	}
	return h.shown(b)
}

// ignores reports whether a path is not compared.
func (m *Mask) ignores(path []string) bool {
	return slices.ContainsFunc(m.Ignore, func(p string) bool { return covers(p, path) })
}

// covers reports whether a path of a mask is one, segment by segment.
func covers(pattern string, path []string) bool {
	if pattern == strings.Join(path, ".") {
		return true
	}
	want := strings.Split(pattern, ".")
	if len(want) != len(path) {
		return false
	}
	for i, w := range want {
		if w != "*" && w != path[i] {
			return false
		}
	}
	return true
}

// near reports whether two numbers are equal, or as near as the mask allows.
func (m *Mask) near(path []string, a, b json.Number) bool {
	if a == b {
		return true
	}
	if x, y, ok := rational(a, b); ok && x.Cmp(y) == 0 {
		return true
	}
	x, err1 := a.Float64()
	y, err2 := b.Float64()
	if err1 != nil || err2 != nil {
		return false
	}
	for pattern, by := range m.Near {
		if covers(pattern, path) && max(x, y)-min(x, y) <= by*max(x, -x, y, -y) {
			return true
		}
	}
	return false
}

// exactMax is how long a number may be that is compared exactly: 1e999999999
// would take all memory.
const exactMax = 40

// rational are two numbers in full, if they are not too long for that.
func rational(a, b json.Number) (x, y *big.Rat, ok bool) {
	for _, n := range []json.Number{a, b} {
		f, err := n.Float64()
		if err != nil || len(n) > exactMax || f == 0 && strings.ContainsAny(string(n), "123456789") {
			return nil, nil, false
		}
	}
	x, ok = new(big.Rat).SetString(string(a))
	if !ok {
		return nil, nil, false
	}
	y, ok = new(big.Rat).SetString(string(b))
	return x, y, ok
}
