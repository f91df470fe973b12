package sql

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// statementsMax bounds the statements of one transaction.
const statementsMax = 100

// request is what an actor asks for.
type request struct {
	statements []statement
	several    bool // the answer is a list
}

type statement struct {
	text   string
	args   []any // of the types that database/sql knows
	rows   bool  // it answers with rows
	params int   // how many parameters it has; -1: some are not numbered
}

// parse reads the data of a request. Statements other than those of verbs are refused.
func parse(data []byte, verbs map[string]bool, l lexicon) (*request, error) {
	type form struct {
		SQL  string `json:"sql"`
		Args []any  `json:"args"`
	}
	var all struct {
		form
		Statements []form `json:"statements"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf(`the request is not {"sql": "…", "args": […]} or {"statements": [{"sql": "…", "args": […]}, …]}: %w`, err)
	}
	if d.More() {
		return nil, fmt.Errorf("the request goes on after its JSON")
	}
	list := all.Statements
	one := all.SQL != "" || all.Args != nil
	switch {
	case one && list != nil:
		return nil, fmt.Errorf("the request has sql or statements, not both")
	case one:
		list = []form{all.form}
	case len(list) == 0:
		return nil, fmt.Errorf("the request has no statement: sql is empty")
	case len(list) > statementsMax:
		return nil, fmt.Errorf("the request has %d statements, at most %d are one transaction", len(list), statementsMax)
	}
	q := &request{several: !one}
	for i, f := range list {
		s, err := l.read(f.SQL, verbs)
		if err != nil {
			return nil, at(i, q.several, err)
		}
		for n, a := range f.Args {
			v, err := argument(a)
			if err != nil {
				return nil, at(i, q.several, fmt.Errorf("argument %d: %w", n+1, err))
			}
			s.args = append(s.args, v)
		}
		if s.params >= 0 && len(s.args) != s.params {
			return nil, at(i, q.several, fmt.Errorf("the statement has %d parameters, and there are %d arguments", s.params, len(s.args)))
		}
		q.statements = append(q.statements, *s)
	}
	return q, nil
}

// at says which of several statements an error is about.
func at(i int, several bool, err error) error {
	if !several {
		return err
	}
	return &located{i + 1, err}
}

// located is an error of one of several statements.
type located struct {
	statement int // from 1
	err       error
}

// Error implements error.
func (l *located) Error() string { return fmt.Sprintf("statement %d: %v", l.statement, l.err) }

// Unwrap is the cause.
func (l *located) Unwrap() error { return l.err }

// argument makes a parameter of a value of JSON: lists and objects go as their text, but
// {"base64": "…"}, which is bytes.
func argument(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool:
		return v, nil
	case string:
		if strings.Contains(v, "\x00") {
			return nil, fmt.Errorf(`a text cannot hold the character NUL: send bytes as {"base64": "…"}`)
		}
		return v, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		if !strings.ContainsAny(v.String(), ".eE") {
			return nil, fmt.Errorf("%s is no number of 64 bits: send it as a text", v)
		}
		f, err := v.Float64()
		if err != nil {
			return nil, fmt.Errorf("%s is no number of 64 bits: send it as a text", v)
		}
		return f, nil
	case map[string]any:
		if text, ok := v["base64"].(string); ok && len(v) == 1 {
			b, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return nil, fmt.Errorf("base64: %w", err)
			}
			return b, nil
		}
	}
	text, err := json.Marshal(v)
	return string(text), err
}
