package sql

import (
	"fmt"
	"testing"

	"github.com/grow-platform/grow/runtime/capability"
)

// BenchmarkSQL is what a request costs beside the same statement of a Go program on the
// same pool, in a transaction as the request has one.
func BenchmarkSQL(b *testing.B) {
	for _, s := range []side{{folder: b.TempDir()}, {address: server.database(b)}} {
		name := "sqlite"
		if s.address != "" {
			name = "postgres"
		}
		o := s.items(b)
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
				how := o.isolation(false)
				if how == nil {
					if err := o.reader.QueryRowContext(b.Context(), query, 2).Scan(&item, &price); err != nil {
						b.Fatal(err)
					}
					continue
				}
				tx, err := o.reader.BeginTx(b.Context(), how)
				if err == nil {
					err = tx.QueryRowContext(b.Context(), query, 2).Scan(&item, &price)
				}
				if err == nil {
					err = tx.Commit()
				}
				if err != nil {
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
		b.Run(name+"/exec-direct", func(b *testing.B) {
			for b.Loop() {
				tx, err := o.writer.BeginTx(b.Context(), nil)
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
