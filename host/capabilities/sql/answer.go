package sql

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// answer grows as statements are answered.
type answer struct {
	json  []byte
	limit int // bytes
	rows  int // of one statement
}

// room fails when the answer has become too large.
func (a *answer) room() error {
	if len(a.json) > a.limit {
		return &excess{fmt.Sprintf("the answer has more than %d bytes: ask for fewer rows or columns", a.limit)}
	}
	return nil
}

// rows are what a statement is answered with.
type rows interface {
	columns() (names, kinds []string, err error)
	Next() bool
	// values puts those of a row into a list, which is the same at each call.
	values(list []any) error
	Err() error
}

// affected adds how many rows a statement has changed.
func (a *answer) affected(n int64) {
	a.json = strconv.AppendInt(append(a.json, `"rows_affected":`...), n, 10)
}

// table adds "columns": […], "rows": [[…], …], and how many there are for one that writes.
func (a *answer) table(r rows, writes bool) error {
	names, kinds, err := r.columns()
	if err != nil {
		return err
	}
	list, err := json.Marshal(append([]string{}, names...))
	if err != nil {
		return err
	}
	values := make([]any, len(names))
	a.json = append(append(append(a.json, `"columns":`...), list...), `,"rows":[`...)
	n := 0
	for ; r.Next(); n++ {
		if n == a.rows {
			return &excess{fmt.Sprintf("the statement has more than %d rows: ask for fewer, or let the grant have more", a.rows)}
		}
		if err := r.values(values); err != nil {
			return err
		}
		a.json = separate(a.json, n)
		a.json = append(a.json, '[')
		for i, v := range values {
			a.json = appendValue(separate(a.json, i), v, kinds[i])
		}
		a.json = append(a.json, ']')
		if err := a.room(); err != nil {
			return err
		}
	}
	if a.json = append(a.json, ']'); writes {
		a.json = append(a.json, ',')
		a.affected(int64(n))
	}
	return r.Err()
}

func separate(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

// appendValue adds a value of a column of some type as JSON.
func appendValue(b []byte, v any, kind string) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return strconv.AppendQuote(b, strconv.FormatFloat(v, 'g', -1, 64))
		}
		return appendJSON(b, v)
	case time.Time:
		return appendJSON(b, v.UTC().Format(layout(kind)))
	case []byte:
		if strings.HasPrefix(kind, "JSON") && json.Valid(v) {
			return append(b, v...)
		}
		b = append(b, `{"base64":"`...)
		return append(base64.StdEncoding.AppendEncode(b, v), `"}`...)
	case string:
		if strings.HasPrefix(kind, "JSON") && json.Valid([]byte(v)) {
			return append(b, v...)
		}
		return appendJSON(b, v)
	}
	return appendJSON(b, fmt.Sprint(v))
}

// layout is how a time is written.
func layout(kind string) string {
	switch kind {
	case "DATE":
		return time.DateOnly
	case "TIMESTAMP": // has no zone
		return "2006-01-02T15:04:05.999999999"
	}
	return time.RFC3339Nano
}

// appendJSON adds a text or a finite number, which always are JSON.
func appendJSON(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return append(b, text...)
}
