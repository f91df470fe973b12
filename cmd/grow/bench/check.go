package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/specs/rule"
	"github.com/grow-platform/grow/specs/shape"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checks is how often a round does what takes a microsecond.
const checks = 200_000

// each is the time of one of n calls, in nanoseconds.
func each(n int, call func() error) (float64, error) {
	begin := time.Now()
	for range n {
		if err := call(); err != nil {
			return 0, err
		}
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(n), nil
}

// orderShape is the type of the order, loaded as a service's types are.
func (w *workspace) orderShape() (*shape.Type, error) {
	dir := filepath.Join(w.dir, "check")
	for path, text := range map[string]string{"grow.yaml": "service: check\n", "types/order.cue": orderType} {
		file := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	service, err := app.Load(dir)
	if err != nil {
		return nil, err
	}
	return service.Types["echo.done"], nil
}

// check compares a check of the order with what a compiled JSON Schema validator
// takes for the same schema. That needs decoded values, so decoding is its part.
func check(_ context.Context, w *workspace) (rounder, error) {
	t, err := w.orderShape()
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(t.JSONSchema("order")))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("order.json", doc); err != nil {
		return nil, err
	}
	s, err := c.Compile("order.json")
	if err != nil {
		return nil, err
	}
	if bad := []byte(`{"id":1}`); t.Check(bad) == nil || s.Validate(map[string]any{"id": 1.0}) == nil {
		return nil, errors.New("both take what is no order")
	}
	return func(context.Context) (value, reference float64, err error) {
		if value, err = each(checks, func() error { return t.Check(order) }); err != nil {
			return 0, 0, err
		}
		reference, err = each(checks/20, func() error {
			var v any // floats: twice as fast as the library's own numbers
			if err := json.Unmarshal(order, &v); err != nil {
				return err
			}
			return s.Validate(v)
		})
		return value, reference, err
	}, nil
}

// matching measures a rule over the order's bytes; its reference is the check
// that every message gets before.
func matching(_ context.Context, w *workspace) (rounder, error) {
	t, err := w.orderShape()
	if err != nil {
		return nil, err
	}
	r, err := rule.Compile(`data.total > 1000.0 && data.tier in ["gold", "silver"]`, []*shape.Type{t})
	if err != nil {
		return nil, err
	}
	m := abi.NewMessage(order, abi.ID, "m-1", abi.Source, "shop/price", abi.Type, "echo.done", abi.Time, "2026-03-01T12:30:01Z", abi.Correlation, "m-0")
	return func(context.Context) (value, reference float64, err error) {
		value, err = each(checks, func() error {
			ok, err := r.Match(m)
			if err == nil && !ok {
				err = fmt.Errorf("the rule does not match %s", order)
			}
			return err
		})
		if err != nil {
			return 0, 0, err
		}
		reference, err = each(checks, func() error { return t.Check(order) })
		return value, reference, err
	}, nil
}
