package grow

import (
	"encoding/json"
	"fmt"
)

// SQL is a database with a grant of the actor. Parameters are written $1, $2 in
// statements; times and numbers are sent as JSON has them, []byte as [Bytes].
type SQL struct {
	ctx *Context
	use string
}

// SQL returns the database that the grant use covers.
func (c *Context) SQL(use string) SQL { return SQL{c, use} }

// Statement is a statement and the values of its parameters.
type Statement struct {
	SQL  string `json:"sql"`
	Args []any  `json:"args,omitempty"`
}

// Rows is the answer to a statement.
type Rows struct {
	Columns  []string            `json:"columns"`
	Rows     [][]json.RawMessage `json:"rows"`
	Affected int64               `json:"rows_affected"` // rows that were changed
}

// Query answers a statement that changes nothing.
func (s SQL) Query(text string, args ...any) (Rows, error) {
	return s.one("sql.query", text, args)
}

// Exec answers a statement that may change the database. It is done once for the
// message, however often that is tried.
func (s SQL) Exec(text string, args ...any) (Rows, error) {
	return s.one("sql.exec", text, args)
}

// Together answers several statements, of which all are done or none.
func (s SQL) Together(statements ...Statement) ([]Rows, error) {
	list := make([]Statement, len(statements))
	for i, st := range statements {
		list[i] = Statement{st.SQL, sent(st.Args)}
	}
	var all struct {
		Results []Rows `json:"results"`
	}
	err := s.ask("sql.exec", map[string]any{"statements": list}, &all)
	return all.Results, err
}

func (s SQL) one(op, text string, args []any) (Rows, error) {
	var rows Rows
	err := s.ask(op, Statement{text, sent(args)}, &rows)
	return rows, err
}

func (s SQL) ask(op string, request, into any) error {
	data, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	a, err := s.ctx.one(op, s.use, data)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(a.Data, into); err != nil {
		return fmt.Errorf("%s: decode answer: %w", op, err)
	}
	return nil
}

// sent is parameters as they are sent.
func sent(args []any) []any {
	list := make([]any, len(args))
	for i, a := range args {
		if b, ok := a.([]byte); ok {
			a = Bytes(b)
		}
		list[i] = a
	}
	return list
}

// Decode decodes the rows into a slice that into points to, of structs or maps with a
// field for each column, by the names that encoding/json has for them.
func (r Rows) Decode(into any) error {
	list := make([]map[string]json.RawMessage, len(r.Rows))
	for i, row := range r.Rows {
		list[i] = make(map[string]json.RawMessage, len(row))
		for j, v := range row {
			list[i][r.Columns[j]] = v
		}
	}
	data, err := json.Marshal(list)
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("decode rows: %w", err)
	}
	return nil
}

// Bytes are bytes in a database: {"base64": "…"} in JSON.
type Bytes []byte

type wrapped struct {
	Base64 []byte `json:"base64"`
}

// MarshalJSON implements json.Marshaler.
func (b Bytes) MarshalJSON() ([]byte, error) {
	if b == nil {
		return []byte("null"), nil
	}
	return json.Marshal(wrapped{b})
}

// UnmarshalJSON implements json.Unmarshaler.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var w wrapped
	err := json.Unmarshal(data, &w)
	*b = w.Base64
	return err
}
