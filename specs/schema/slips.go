package schema

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// words are names that people write for ours, having learnt them elsewhere. A
// word counts only where the form has a field of the name that is meant.
var words = map[string][]string{
	"actor":     {"name", "component", "function", "handler"},
	"workflow":  {"name", "pipeline", "flow", "graph"},
	"service":   {"name", "app", "application", "project"},
	"about":     {"description", "desc", "summary", "purpose", "title", "comment"},
	"docs":      {"documents", "documentation"},
	"in":        {"input", "inputs", "takes", "accepts", "consumes", "receives", "messages_in"},
	"out":       {"output", "outputs", "emits", "sends", "produces", "publishes", "messages_out"},
	"code":      {"implementation", "runtime", "module", "impl"},
	"language":  {"lang", "runtime"},
	"source":    {"path", "dir", "folder", "file", "src", "entrypoint", "main"},
	"key":       {"partition_key", "partitionkey", "subject", "partition"},
	"state":     {"storage", "store", "memory"},
	"uses":      {"grants", "capabilities", "permissions", "needs", "requires", "imports"},
	"kind":      {"type", "capability"},
	"nodes":     {"actors", "steps", "stages", "tasks"},
	"routes":    {"edges", "connections", "links", "transitions", "wires"},
	"from":      {"source", "src", "node", "at"},
	"to":        {"target", "dest", "destination", "next", "then", "goto", "workflow", "actor"},
	"when":      {"if", "condition", "rule", "filter", "where", "guard", "input", "incoming", "receive"},
	"type":      {"message", "event", "on"},
	"http":      {"endpoints", "api", "paths", "rest", "gateway"},
	"send":      {"type", "message", "event", "publish"},
	"reply":     {"response", "responses", "returns", "answer"},
	"retry":     {"retries", "on_error", "onerror"},
	"max":       {"attempts", "times", "count", "maximum"},
	"backoff":   {"delay", "wait", "interval"},
	"min":       {"minimum"},
	"default":   {"value"},
	"enum":      {"values", "oneof", "options"},
	"instances": {"replicas", "copies"},
	"mailbox":   {"queue", "buffer"},
	"schedule":  {"cron", "timers"},
	"given":     {"mocks", "doubles", "stubs"},
	"then":      {"expect", "expected", "assert", "output", "outputs"},
	"test":      {"name", "it", "case", "title"},
}

// elsewhere tells where something stands that cannot stand here, by definition
// and field.
var elsewhere = map[string]map[string]string{
	"#Service": {
		"types":     "types are files of their own: types/NAME.cue",
		"actors":    "each actor is a folder of its own: actors/NAME/actor.yaml",
		"workflows": "each workflow is a file of its own: workflows/NAME.yaml",
		"nodes":     "nodes stand in a workflow: workflows/NAME.yaml",
		"routes":    "routes stand in a workflow: workflows/NAME.yaml",
	},
	"#Actor": {
		"types":   "types are files of their own: types/NAME.cue",
		"tests":   "tests are files of their own: the folder tests beside actor.yaml",
		"routes":  "routes stand in a workflow: workflows/NAME.yaml",
		"http":    "endpoints stand in grow.yaml",
		"version": "an actor has no version: its revisions are told apart by their content",
	},
	"#Workflow": {
		"types":    "types are files of their own: types/NAME.cue",
		"http":     "endpoints stand in grow.yaml",
		"actors":   "each actor is a folder of its own: actors/NAME/actor.yaml; here nodes are named",
		"triggers": "endpoints stand in grow.yaml",
	},
	"#Filling": {
		"in": "what a node takes is said by its actor", "out": "what a node sends is said by its actor",
		"when": "conditions stand in routes", "to": "where messages go is said in routes",
		"code": "code stands in actors/NAME/actor.yaml", "uses": "grants stand in actors/NAME/actor.yaml",
	},
	"#Endpoint": {
		"method": "the method stands before the path: POST /orders", "path": "the path stands behind the method: POST /orders",
		"from": "", "workflow": "", "actor": "",
		"status": "a status stands in reply: {order.placed: 200}",
	},
}

// slip finds the field that was meant by an unknown one, or tells where what it
// says belongs. Both may be "".
func (m *mapForm) slip(key string) (meant, hint string) {
	if hint := elsewhere[m.name][key]; hint != "" {
		return "", hint
	}
	var known []string
	for _, f := range m.fields {
		known = append(known, f.name)
	}
	if n := Nearest(key, known); n != "" {
		return n, ""
	}
	word := strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	for _, f := range m.fields {
		if slices.Contains(words[f.name], word) {
			return f.name, ""
		}
	}
	return "", ""
}

var (
	seconds  = regexp.MustCompile(`(?i)^([0-9.]+)\s*(ms|s|m|h|milliseconds?|millis|seconds?|secs?|minutes?|mins?|hours?|hrs?)$`)
	days     = regexp.MustCompile(`(?i)^([0-9]{1,4})\s*(d|days?)$`)
	bytesOf  = regexp.MustCompile(`(?i)^([0-9]+)\s*(k|m|g)(i?b|ytes)?$`)
	counts   = regexp.MustCompile(`(?i)^([0-9]{1,3}(?:[_', ]?[0-9]{3})*|[0-9]+)(\.[0-9]{1,3})?\s*(k|m|g|b|mio|bn|thousand|million|billion)?$`)
	numbers  = regexp.MustCompile(`^[vV]?([0-9]+(?:\.[0-9]+){0,2})$`)
	endpoint = regexp.MustCompile(`^([A-Za-z]+)[\s:]*(?:https?://[^/\s]+)?/?([^\s?#]*)(?:[?#]\S*)?$`)
	param    = regexp.MustCompile(`(^|/)(?::|<(?:[a-z]+:)?|\$\{?)([A-Za-z][A-Za-z0-9_]*)[>}]?`)
	capital  = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	apart    = regexp.MustCompile(`[^a-z0-9.-]+`)
)

// repaired returns the value that text was most likely meant to be, among those
// that the form takes; "" when none is near.
func (f *Form) repaired(text string) string {
	lower := strings.ToLower(capital.ReplaceAllString(text, "$1 $2"))
	for _, try := range []string{
		duration(text), bytesize(text), count(text), text + "s", text + "B",
		version(text), request(text),
		strings.Trim(apart.ReplaceAllString(lower, "-"), "-."), strings.Trim(apart.ReplaceAllString(lower, "."), "-."),
	} {
		if try != "" && try != text && f.Fits(try) {
			return try
		}
	}
	return ""
}

// repairedType is repaired for types of message, whose words are joined by dots.
func repairedType(text string) string {
	lower := strings.ToLower(capital.ReplaceAllString(text, "$1.$2"))
	return strings.Trim(apart.ReplaceAllString(lower, "."), "-.")
}

func duration(text string) string {
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		return strconv.Itoa(24*n) + "h"
	}
	m := seconds.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	unit := strings.ToLower(m[2])
	if strings.HasPrefix(unit, "mil") || unit == "ms" {
		return m[1] + "ms"
	}
	return m[1] + unit[:1]
}

func bytesize(text string) string {
	if m := bytesOf.FindStringSubmatch(text); m != nil {
		return m[1] + strings.ToUpper(m[2]) + "iB"
	}
	return ""
}

// thousands is how often a thousand is in what a word for it begins with.
var thousands = map[string]int{"k": 1, "t": 1, "m": 2, "g": 3, "b": 3}

// count is a count such as 200M, of what was written for it: 1.5g is 1500M.
func count(text string) string {
	m := counts.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	digits := strings.NewReplacer("_", "", "'", "", ",", "", " ", "").Replace(m[1])
	unit := thousands[strings.ToLower(m[3][:min(1, len(m[3]))])]
	if m[2] != "" {
		if unit == 0 {
			return ""
		}
		digits = strings.TrimLeft(digits+(m[2][1:] + "00")[:3], "0")
		unit--
	}
	return digits + []string{"", "k", "M", "G"}[unit]
}

func version(text string) string {
	m := numbers.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1] + strings.Repeat(".0", 2-strings.Count(m[1], "."))
}

// request is a method and a path, of what was written for it.
func request(text string) string {
	m := endpoint.FindStringSubmatch(text)
	if m == nil || !strings.ContainsFunc(text, func(r rune) bool { return r == '/' || unicode.IsSpace(r) }) {
		return ""
	}
	return strings.ToUpper(m[1]) + " /" + param.ReplaceAllString(m[2], "$1{$2}")
}

// methodsBelow is what to write for an endpoint whose methods stand below its path.
func methodsBelow(f *Field) string {
	if f.Value.Kind != Map || len(f.Value.Fields) == 0 {
		return ""
	}
	for _, below := range f.Value.Fields {
		if !slices.Contains(methods, strings.ToUpper(below.Key)) {
			return ""
		}
	}
	return fmt.Sprintf("write %s %s: {…}, an entry for each method", strings.ToUpper(f.Value.Fields[0].Key), f.Key)
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// truth is what words of other languages mean for true and false.
var truth = map[string]string{"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false", "True": "true", "False": "false"}
