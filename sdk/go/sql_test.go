//go:build !wasip1

package grow_test

import (
	"strings"
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

// askDatabase is what the handler of sql.ask does.
var askDatabase func(grow.SQL)

func init() {
	grow.OnMessage("sql.ask", func(ctx *grow.Context, _ grow.Message) error {
		askDatabase(ctx.SQL("catalogue"))
		return nil
	})
}

// TestSQL: what is asked of a database, and what is made of its answers.
func TestSQL(t *testing.T) {
	var asked []string
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		asked = append(asked, r.Op+" "+r.Use+" "+string(r.Data))
		rows := `{"columns":["id","data"],"rows":[[1,{"base64":"AP8="}],[2,null]],"rows_affected":2}`
		switch {
		case strings.Contains(string(r.Data), "refused"):
			return growtest.Answer{Code: "conflict", Data: []byte("taken")}
		case strings.Contains(string(r.Data), "statements"):
			rows = `{"results":[` + rows + `,{"rows_affected":3}]}`
		}
		return growtest.Answer{Data: []byte(rows)}
	}})
	askDatabase = func(db grow.SQL) {
		rows, err := db.Query("select $1", 1, []byte("\x00\xff"), nil)
		var items []struct {
			ID   int
			Data grow.Bytes
		}
		if err := rows.Decode(&items); err != nil || len(items) != 2 || items[1].ID != 2 || string(items[0].Data) != "\x00\xff" || items[1].Data != nil {
			t.Errorf("%+v %v", items, err)
		}
		if err != nil || len(rows.Columns) != 2 {
			t.Errorf("%+v %v", rows, err)
		}
		if rows, err := db.Exec("delete from a"); err != nil || rows.Affected != 2 {
			t.Errorf("%+v %v", rows, err)
		}
		all, err := db.Together(grow.Statement{SQL: "delete from a"}, grow.Statement{SQL: "delete from b where c = $1", Args: []any{[]byte{1}}})
		if err != nil || len(all) != 2 || all[1].Affected != 3 {
			t.Errorf("%+v %v", all, err)
		}
		if _, err := db.Exec("refused"); err == nil || err.Error() != "sql.exec: conflict: taken" {
			t.Error(err)
		}
		if _, err := db.Exec("select $1", func() {}); err == nil {
			t.Error("a function was sent")
		}
	}
	if got := h.Send("sql.ask", 0); got.Outcome != growtest.Handled {
		t.Fatalf("%+v", got)
	}
	want := []string{
		`sql.query catalogue {"sql":"select $1","args":[1,{"base64":"AP8="},null]}`,
		`sql.exec catalogue {"sql":"delete from a"}`,
		`sql.exec catalogue {"statements":[{"sql":"delete from a"},{"sql":"delete from b where c = $1","args":[{"base64":"AQ=="}]}]}`,
		`sql.exec catalogue {"sql":"refused"}`,
	}
	if strings.Join(asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked %s", strings.Join(asked, "\n"))
	}
}
