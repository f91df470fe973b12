package grants

import (
	"strings"
	"sync"
	"testing"
)

func TestRead(t *testing.T) {
	f := New("tea", `#Grant: {leaves!: [string, ...string], minutes: int & >0 | *3}`)
	type grant struct {
		Leaves  []string `json:"leaves"`
		Minutes int      `json:"minutes"`
	}
	for _, c := range []struct {
		params map[string]any
		says   string // "": fine
	}{
		{map[string]any{"leaves": []any{"mint"}}, ""},
		{map[string]any{}, "tea grant: leaves: "},
		{map[string]any{"leaves": []any{}}, "tea grant: leaves: "},
		{map[string]any{"leaves": []any{"mint"}, "minutes": 0}, "tea grant: minutes: "},
		{map[string]any{"leaves": []any{"mint"}, "sugar": 1}, "tea grant: sugar: "},
	} {
		var g grant
		err := f.Read(c.params, &g)
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
			if err := f.Read(map[string]any{"leaves": []any{"mint"}}, &grant{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if err := f.Read(map[string]any{"leaves": []any{"mint"}}, &struct {
		Leaves int `json:"leaves"`
	}{}); err == nil || !strings.HasPrefix(err.Error(), "tea grant: ") {
		t.Errorf("into a struct that it does not fit: %v", err)
	}
}
