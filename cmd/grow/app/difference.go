package app

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/grow-platform/grow/host/control"
)

// differencesMax is how many differences of two values are told.
const differencesMax = 1000

// differences tells where two values differ, in order; a value that is nil is not
// there. What is not JSON is compared, and shown, as text.
func differences(was, is []byte) (list []control.Difference, more int) {
	var d differing
	d.value("", tree(was), tree(is))
	return d.found, d.more
}

type differing struct {
	found []control.Difference
	more  int
}

// absent stands for what is not there.
type absent struct{}

// tree is data as values whose numbers are as they were written.
func tree(data []byte) any {
	if data == nil {
		return absent{}
	}
	in := json.NewDecoder(bytes.NewReader(data))
	in.UseNumber()
	var v any
	if !json.Valid(data) || in.Decode(&v) != nil {
		return string(data)
	}
	return v
}

func (d *differing) value(path string, was, is any) {
	if a, ok := was.(map[string]any); ok {
		if b, ok := is.(map[string]any); ok {
			d.object(path, a, b)
			return
		}
	}
	if a, ok := was.([]any); ok {
		if b, ok := is.([]any); ok {
			d.list(path, a, b)
			return
		}
	}
	one := control.Difference{Path: path, Was: written(was), Is: written(is)}
	switch {
	case bytes.Equal(one.Was, one.Is):
	case len(d.found) == differencesMax:
		d.more++
	default:
		d.found = append(d.found, one)
	}
}

// written is a value as JSON; nil when it is not there.
func written(v any) json.RawMessage {
	if _, no := v.(absent); no {
		return nil
	}
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	_ = out.Encode(v) // it was decoded from JSON
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

func (d *differing) object(path string, was, is map[string]any) {
	names := slices.AppendSeq(slices.Collect(maps.Keys(was)), maps.Keys(is))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		d.value(field(path, name), part(was, name), part(is, name))
	}
}

func part(of map[string]any, name string) any {
	if v, ok := of[name]; ok {
		return v
	}
	return absent{}
}

// list compares what lies between the equal items that two lists begin and end
// with, item by item. Places of items that are gone are those in the old list.
func (d *differing) list(path string, was, is []any) {
	equal := func(a, b any) bool { return bytes.Equal(written(a), written(b)) }
	from, left := 0, min(len(was), len(is))
	for from < left && equal(was[from], is[from]) {
		from++
	}
	end := 0 // items behind
	for end < left-from && equal(was[len(was)-1-end], is[len(is)-1-end]) {
		end++
	}
	was, is = was[:len(was)-end], is[:len(is)-end]
	for i := from; i < max(len(was), len(is)); i++ {
		a, b := any(absent{}), any(absent{})
		if i < len(was) {
			a = was[i]
		}
		if i < len(is) {
			b = is[i]
		}
		d.value(path+"["+strconv.Itoa(i)+"]", a, b)
	}
}

// field is the path of a field: a.b, or a["b.c"] where the name is no word.
func field(path, name string) string {
	word := name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	switch {
	case !word:
		return path + "[" + strconv.Quote(name) + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

// Differences tells where two values of JSON differ, in order; one that is nil is not
// there. Those after the first 1000 are left out.
func Differences(was, is []byte) []control.Difference {
	list, _ := differences(was, is)
	return list
}
