package amend

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/specs/expect"
	"github.com/grow-platform/grow/specs/schema"
)

// lineMax is how long a line may become, in characters, before a value is
// written over several.
const lineMax = 100

// errData is returned for values that a file cannot hold.
var errData = errors.New("the value cannot be written as data")

// decode reads JSON, in the order and with the digits in which it is written.
func decode(data []byte) (*schema.Node, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	n, err := decodeValue(d, 0)
	if err == nil && d.More() {
		err = errData
	}
	return n, err
}

func decodeValue(d *json.Decoder, depth int) (*schema.Node, error) {
	if depth > schema.DepthMax/2 {
		return nil, errData
	}
	token, err := d.Token()
	if err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	switch t := token.(type) {
	case nil:
		return &schema.Node{Kind: schema.Null}, nil
	case bool:
		return &schema.Node{Kind: schema.Bool, Text: fmt.Sprint(t)}, nil
	case json.Number:
		return &schema.Node{Kind: schema.Float, Text: t.String()}, nil
	case string:
		return &schema.Node{Kind: schema.String, Text: t}, nil
	}
	n := &schema.Node{Kind: schema.List}
	if token == json.Delim('{') {
		n.Kind = schema.Map
	}
	for d.More() {
		key := ""
		if n.Kind == schema.Map {
			k, err := d.Token()
			if err != nil {
				return nil, fmt.Errorf("decode: %w", err)
			}
			key, _ = k.(string) // a key of JSON is nothing else
		}
		v, err := decodeValue(d, depth+1)
		if err != nil {
			return nil, err
		}
		if n.Kind == schema.Map {
			n.Fields = append(n.Fields, &schema.Field{Key: key, Value: v})
		} else {
			n.Items = append(n.Items, v)
		}
	}
	_, err = d.Token()
	return n, err
}

// bare is text that needs no quotes wherever it stands.
var bare = regexp.MustCompile(`^[\pL_/][\pL\pN_./+@-]*( [\pL\pN_./+@-]+)*$`)

// flowText writes a value on one line.
func flowText(n *schema.Node) string {
	switch n.Kind {
	case schema.Null:
		return "null"
	case schema.String:
		return scalarText(n.Text)
	case schema.List:
		var parts []string
		for _, item := range n.Items {
			parts = append(parts, flowText(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case schema.Map:
		var parts []string
		for _, f := range n.Fields {
			parts = append(parts, keyText(f.Key)+": "+flowText(f.Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return n.Text
}

// scalarText writes text that is expected. What would be read as an expression
// becomes one that says the same.
func scalarText(text string) string {
	if strings.HasPrefix(text, expect.Mark) {
		return quoted(expect.Mark + string((&schema.Node{Kind: schema.String, Text: text}).JSON(nil)))
	}
	return keyText(text)
}

// truths are words that YAML 1.1 takes for true or false.
var truths = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true}

func keyText(text string) string {
	if bare.MatchString(text) && !truths[strings.ToLower(text)] {
		tree, faults := schema.ReadYAML([]byte("k: " + text))
		if v := tree.Get("k"); len(faults) == 0 && v != nil && v.Kind == schema.String && v.Text == text {
			return text
		}
	}
	return quoted(text)
}

// quoted writes text between double quotes (YAML 1.2.2, section 7.3.1).
func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		return "" // a string always has a form in JSON
	}
	out := strings.TrimSuffix(b.String(), "\n")
	return strings.NewReplacer("\u0085", `\N`, "\u007f", `\x7f`, "\ufeff", `\uFEFF`).Replace(out)
}

// attributeText writes the text of an attribute: as a number or a truth value
// where that is read as the same text.
func attributeText(text string) string {
	if strings.HasPrefix(text, expect.Mark) {
		return scalarText(text)
	}
	if regexp.MustCompile(`^[a-z0-9.-]+$`).MatchString(text) {
		tree, faults := schema.ReadYAML([]byte("k: " + text))
		if v := tree.Get("k"); len(faults) == 0 && v != nil && v.Kind != schema.Null && v.Text == text {
			return text
		}
	}
	return keyText(text)
}

// blockLines writes a value over several lines, each indented by so many spaces.
// The first one may be put behind a dash.
func blockLines(n *schema.Node, indent int) []string {
	pad := strings.Repeat(" ", indent)
	var lines []string
	entry := func(lead string, v *schema.Node, deeper int) {
		one := flowText(v)
		if lead == "-" && len(v.Fields) == 1 { // a message is its type, and what it holds
			inner := blockLines(v, deeper)
			lines = append(append(lines, pad+"- "+strings.TrimLeft(inner[0], " ")), inner[1:]...)
			return
		}
		if v.Kind != schema.Map && v.Kind != schema.List || utf8.RuneCountInString(pad+lead+" "+one) <= lineMax || len(v.Items)+len(v.Fields) == 0 {
			lines = append(lines, pad+lead+" "+one)
			return
		}
		inner := blockLines(v, deeper)
		if lead == "-" {
			lines = append(lines, pad+"- "+strings.TrimLeft(inner[0], " "))
			lines = append(lines, inner[1:]...)
			return
		}
		lines = append(append(lines, pad+lead), inner...)
	}
	for _, item := range n.Items {
		entry("-", item, indent+2)
	}
	for _, f := range n.Fields {
		entry(keyText(f.Key)+":", f.Value, indent+2)
	}
	return lines
}
