package sql

import (
	"strconv"
	"strings"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
)

// TestSuite: sql is a capability like others.
func TestSuite(t *testing.T) {
	each(t, func(t *testing.T, s side) {
		capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
			if s.address != "" {
				s = side{address: server.database(t)}
			} else {
				s = side{folder: t.TempDir()}
			}
			o := s.items(t)
			ask := func(op, text string) capabilitytest.Request {
				return capabilitytest.Request{Operation: op, Data: []byte(`{"sql": ` + strconv.Quote(text) + `}`)}
			}
			many := "with recursive r(n) as (select 1 union all select n + 1 from r where n < 11) select n from r"
			subject := capabilitytest.Subject{
				Kind: "sql", Params: map[string]any{"database": "catalogue", "access": "write", "rows": 10}, Environment: s.environment(),
				Read:   ask(Query, "select name from items where id = 1"),
				Change: ask(Exec, "update items set price = price + 1 where id = 2"),
				Count: func() int {
					text := o.must(Query, "select cast(price - 20 as integer) from items where id = 2")
					n, err := strconv.Atoi(text[strings.LastIndex(text, "[")+1 : strings.Index(text, "]]}")])
					if err != nil {
						t.Error(text, err)
					}
					return n
				},
				Denied: ask(Query, "drop table items"),
				Large:  ask(Query, many),
				Slow:   ask(Query, "with recursive r(n) as (select 1 union all select n + 1 from r) select count(*) from r"),
			}
			if s.address != "" {
				away := capability.Environment{Secret: func(name string) (string, bool) {
					return "postgres://shop:hidden@127.0.0.1:1/shop", name == "GROW_SQL_CATALOGUE"
				}}
				subject.Away, subject.Secrets = &away, []string{"hidden", "127.0.0.1"}
			}
			return subject
		})
	})
}
