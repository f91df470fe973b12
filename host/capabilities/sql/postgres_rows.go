package sql

import (
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// format is that in which values of a type come: those of which Go has the like in that of
// the server, all others as text.
func format(oid uint32) int16 {
	switch oid {
	case pgtype.BoolOID, pgtype.ByteaOID, pgtype.CIDOID, pgtype.OIDOID, pgtype.XIDOID, pgtype.DateOID, pgtype.Float4OID, pgtype.Float8OID,
		pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.TimestampOID, pgtype.TimestamptzOID:
		return pgx.BinaryFormatCode
	}
	return pgx.TextFormatCode
}

// postgresRows are rows as an answer takes them.
type postgresRows struct {
	*pgconn.ResultReader
	types *pgtype.Map
	reads []func(raw []byte) (any, error) // by column
}

// Next implements rows.
func (r *postgresRows) Next() bool { return r.NextRow() }

// Err implements rows: what is closed says it.
func (r *postgresRows) Err() error { return nil }

// columns implements rows.
func (r *postgresRows) columns() (names, kinds []string, err error) {
	for _, f := range r.FieldDescriptions() {
		kind := strconv.FormatUint(uint64(f.DataTypeOID), 10)
		if t, ok := r.types.TypeForOID(f.DataTypeOID); ok {
			kind = strings.ToUpper(t.Name)
		}
		names, kinds = append(names, f.Name), append(kinds, kind)
		r.reads = append(r.reads, r.reader(&f))
	}
	return names, kinds, nil
}

// values implements rows.
func (r *postgresRows) values(list []any) (err error) {
	for i, raw := range r.Values() {
		if list[i] = nil; raw == nil {
			continue
		}
		if list[i], err = r.reads[i](raw); err != nil {
			return err
		}
	}
	return nil
}

// reader reads values of a column.
func (r *postgresRows) reader(f *pgconn.FieldDescription) func([]byte) (any, error) {
	switch f.DataTypeOID {
	case pgtype.BoolOID:
		return read(r, f, func(v bool) (any, error) { return v, nil })
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		return read(r, f, func(v int64) (any, error) { return v, nil })
	case pgtype.CIDOID, pgtype.OIDOID, pgtype.XIDOID:
		return read(r, f, func(v uint32) (any, error) { return int64(v), nil })
	case pgtype.Float4OID:
		return read(r, f, func(v float32) (any, error) { return float64(v), nil })
	case pgtype.Float8OID:
		return read(r, f, func(v float64) (any, error) { return v, nil })
	case pgtype.DateOID:
		return read(r, f, func(v pgtype.Date) (any, error) { return v.Value() })
	case pgtype.TimestampOID:
		return read(r, f, func(v pgtype.Timestamp) (any, error) { return v.Value() })
	case pgtype.TimestamptzOID:
		return read(r, f, func(v pgtype.Timestamptz) (any, error) { return v.Value() })
	case pgtype.ByteaOID, pgtype.JSONOID, pgtype.JSONBOID:
		return read(r, f, func(v []byte) (any, error) { return v, nil })
	}
	return read(r, f, func(v string) (any, error) { return v, nil })
}

// read makes one that reads a T and turns it into a value.
func read[T any](r *postgresRows, f *pgconn.FieldDescription, as func(T) (any, error)) func([]byte) (any, error) {
	into := new(T)
	plan := r.types.PlanScan(f.DataTypeOID, f.Format, into)
	return func(raw []byte) (any, error) {
		if err := plan.Scan(raw, into); err != nil {
			return nil, err
		}
		return as(*into)
	}
}
