package bucket

import (
	"fmt"
	"testing"
)

// TestPageOnce: a key that is offered more than once, as by a list while others write, is there once
// and takes no other's place.
func TestPageOnce(t *testing.T) {
	p := NewPage("", "", 30)
	for range 5 {
		for n := range 40 {
			p.Add(fmt.Sprintf("%02d", n))
		}
	}
	list := p.Keys()
	if len(list) != 30 {
		t.Fatalf("%d keys", len(list))
	}
	for n, key := range list {
		if key != fmt.Sprintf("%02d", n) {
			t.Errorf("key %d is %s", n, key)
		}
	}
}
