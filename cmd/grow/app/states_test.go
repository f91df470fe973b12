package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/testdata/property"
	"github.com/grow-platform/grow/testdata/wat"
	"pgregory.net/rapid"
)

// statesLister is who tells which keys there are.
type statesLister interface {
	States(ctx context.Context, f control.StateFilter) (control.StateList, error)
}

// TestStatesListed: whatever is set and deleted, a list has the keys that there are, in the
// order of their bytes, by prefix, behind a key, page by page; also of a journal without a host.
func TestStatesListed(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{
		"grow.yaml":               "service: ledgers\n",
		"types/all.cue":           "\"ledger.post\": {account: string, amount: int}\n\"ledger.posted\": {...}\n\"book\": {entries: [...]}\n",
		"actors/book/module.wasm": string(wat.Module("ledger")),
		"actors/book/actor.yaml":  "actor: book\ncode: {language: wasm, source: module.wasm}\nin: [ledger.post]\nout: [ledger.posted]\nkey: data.account\nstate: {type: book}\n",
	})
	service, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Start(t.Context(), Options{
		Dir: dir, Service: service, Listen: "127.0.0.1:0", CacheDir: t.TempDir(), Modules: map[string]string{"book": service.Actors["book"].Code.Source},
		Secret: func(string) (string, bool) { return "", false },
	})
	if err != nil {
		t.Fatal(err)
	}
	kept := map[string]bool{}
	runes := []rune("ab/é \U0010ffff")
	key := rapid.StringOfN(rapid.RuneFrom(runes), 1, 4, -1)
	change := func(r *rapid.T) {
		set := control.StateSet{Node: "book", Key: key.Draw(r, "key"), Data: []byte(`{"entries": []}`), Act: control.Act{By: "ann"}}
		if len(kept) > 0 && rapid.IntRange(0, 3).Draw(r, "delete") == 0 {
			set.Key, set.Data, set.Delete = rapid.SampledFrom(slices.Sorted(maps.Keys(kept))).Draw(r, "kept"), nil, true
		}
		if _, err := (backend{h}).SetState(t.Context(), set); err != nil {
			r.Fatalf("%+v: %v", set, err)
		}
		kept[set.Key] = true
		if set.Delete {
			delete(kept, set.Key)
		}
	}
	look := func(from statesLister) func(r *rapid.T) {
		return func(r *rapid.T) {
			f := control.StateFilter{Node: "book", Prefix: rapid.StringOfN(rapid.RuneFrom(runes), 0, 2, -1).Draw(r, "prefix"), Limit: rapid.IntRange(1, 5).Draw(r, "limit")}
			if rapid.Bool().Draw(r, "after") {
				f.After = new(rapid.StringOfN(rapid.RuneFrom(runes), 0, 4, -1).Draw(r, "after"))
			}
			var all []string
			for _, key := range slices.Sorted(maps.Keys(kept)) {
				if strings.HasPrefix(key, f.Prefix) && (f.After == nil || key > *f.After) {
					all = append(all, key)
				}
			}
			for page := 0; ; page++ {
				list, err := from.States(t.Context(), f)
				if err != nil {
					r.Fatalf("%+v: %v", f, err)
				}
				want := all[:min(len(all), f.Limit)]
				all = all[len(want):]
				var got []string
				for _, k := range list.Keys {
					got = append(got, k.Key)
				}
				next := "none"
				if list.Next != nil {
					next = fmt.Sprintf("%q", *list.Next)
				}
				wantNext := "none"
				if len(all) > 0 {
					wantNext = fmt.Sprintf("%q", want[len(want)-1])
				}
				if !slices.Equal(got, want) || next != wantNext {
					r.Fatalf("page %d of %+v: %q, next %s; want %q, next %s", page, f, got, next, want, wantNext)
				}
				if f.After = list.Next; f.After == nil {
					return
				}
			}
		}
	}
	property.Check(t, func(r *rapid.T) {
		for range rapid.IntRange(0, 6).Draw(r, "changes") {
			change(r)
		}
		look(backend{h})(r)
	})
	if _, err := h.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	stopped, err := OpenStopped(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	property.Check(t, look(stopped))
	if err := stopped.Close(); err != nil {
		t.Error(err)
	}
}
