package object

import (
	"fmt"
	"testing"
)

// TestPageOnce: what is offered more than once, as by a list while others write, is there once, as it
// was offered last, and takes nobody else's place.
func TestPageOnce(t *testing.T) {
	p := NewPage("", "", 30)
	for round := range 5 {
		for n := range 40 {
			p.Add(Info{Key: fmt.Sprintf("%02d", n), Revision: fmt.Sprint(round)})
		}
	}
	list := p.Objects()
	if len(list) != 30 {
		t.Fatalf("%d objects", len(list))
	}
	for n, i := range list {
		if i.Key != fmt.Sprintf("%02d", n) || i.Revision != "4" {
			t.Errorf("object %d is %+v", n, i)
		}
	}
}
