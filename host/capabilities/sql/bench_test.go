package sql

import (
	stdsql "database/sql"
	"fmt"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
)

// BenchmarkSQL is what a request costs beside the same statement of a Go program, which
// has a transaction for what changes something;
// both is one request of each sort.
func BenchmarkSQL(b *testing.B) {
	for _, s := range []side{{folder: b.TempDir()}, {address: server.database(b)}} {
		name := "sqlite"
		if s.address != "" {
			name = "postgres"
		}
		o := s.items(b)
		var reader, writer *stdsql.DB
		if s.address == "" {
			reader, writer = o.sqlite().reader, o.sqlite().writer
		} else {
			program, err := stdsql.Open("pgx", s.address)
			if err != nil {
				b.Fatal(err)
			}
			defer program.Close()
			reader, writer = program, program
		}
		const query, exec = "select name, price from items where id = $1", "update items set price = price + $1 where id = 1"
		b.Run(name+"/query", func(b *testing.B) {
			r := &capability.Request{Operation: Query, Data: []byte(`{"sql": "` + query + `", "args": [2]}`)}
			for b.Loop() {
				if a := o.Do(b.Context(), r); a.Code != "" {
					b.Fatal(a.Text)
				}
			}
		})
		b.Run(name+"/query-direct", func(b *testing.B) {
			for b.Loop() {
				var item string
				var price float64
				if err := reader.QueryRowContext(b.Context(), query, 2).Scan(&item, &price); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/exec", func(b *testing.B) {
			for b.Loop() {
				r := &capability.Request{Operation: Exec, Data: []byte(`{"sql": "` + exec + `", "args": [1]}`), Stable: fmt.Sprintf("b/%d", requests.Add(1))}
				if a := o.Do(b.Context(), r); a.Code != "" {
					b.Fatal(a.Text)
				}
			}
		})
		b.Run(name+"/both", func(b *testing.B) {
			q := &capability.Request{Operation: Query, Data: []byte(`{"sql": "` + query + `", "args": [2]}`)}
			for b.Loop() {
				r := &capability.Request{Operation: Exec, Data: []byte(`{"sql": "` + exec + `", "args": [1]}`), Stable: fmt.Sprintf("b/%d", requests.Add(1))}
				if a := o.Do(b.Context(), r); a.Code != "" {
					b.Fatal(a.Text)
				}
				if a := o.Do(b.Context(), q); a.Code != "" {
					b.Fatal(a.Text)
				}
			}
		})
		b.Run(name+"/exec-direct", func(b *testing.B) {
			for b.Loop() {
				tx, err := writer.BeginTx(b.Context(), nil)
				if err == nil {
					_, err = tx.Exec(exec, 1)
				}
				if err == nil {
					err = tx.Commit()
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
