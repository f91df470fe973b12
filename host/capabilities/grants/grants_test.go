package grants

import (
	"errors"
	"strings"
	"sync"
	"testing"
)

func TestRead(t *testing.T) {
	type grant struct {
		Leaves  []string `json:"leaves"`
		Minutes int      `json:"minutes"`
	}
	const definition = `#Grant: {leaves!: [string, ...string], minutes: int & >0 | *3}`
	f := New("tea", definition, func(g *grant) error {
		if g.Leaves[0] == "hemlock" {
			return errors.New("tea grant: leaves: hemlock is poison")
		}
		return nil
	})
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"leaves": []any{"mint"}}, ""},
		{map[string]any{}, "tea grant: leaves: "},
		{map[string]any{"leaves": []any{}}, "tea grant: leaves: "},
		{map[string]any{"leaves": []any{"mint"}, "minutes": 0}, "tea grant: minutes: "},
		{map[string]any{"leaves": []any{"hemlock"}}, "tea grant: leaves: hemlock"},
		{map[string]any{"leaves": []any{"mint"}, "sugar": 1}, "tea grant: sugar: "},
	} {
		g, err := f.Read(c.params)
		if checked := f.Check(c.params); (checked == nil) != (err == nil) {
			t.Errorf("%v: checked %v, read %v", c.params, checked, err)
		}
		switch {
		case c.says == "" && (err != nil || g.Minutes != 3 || g.Leaves[0] != "mint"):
			t.Errorf("%v: %+v, %v", c.params, g, err)
		case c.says != "" && (err == nil || !strings.HasPrefix(err.Error(), c.says)):
			t.Errorf("%v: %v, want %q", c.params, err, c.says)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := f.Read(map[string]any{"leaves": []any{"mint"}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	type other struct {
		Leaves int `json:"leaves"`
	}
	if _, err := New[other]("tea", definition, nil).Read(map[string]any{"leaves": []any{"mint"}}); err == nil || !strings.HasPrefix(err.Error(), "tea grant: ") {
		t.Errorf("into a struct that it does not fit: %v", err)
	}
}
