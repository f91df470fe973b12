package archive

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLosses: all that sound records hold is told, beyond those that are damaged,
// and what lies in blobs too.
func TestLosses(t *testing.T) {
	s := made(t)
	s.records[6] = flipped(s.records[6])
	delete(s.records, 8)
	var got []string
	err := Losses(t.Context(), s, 5, func(l *Loss) error {
		text := fmt.Sprintf("%d %s %s at %s %q: %s%s", l.Record, l.What, l.ID, l.Node, l.Key, l.Data, l.Raw)
		for _, v := range l.Values {
			text += fmt.Sprintf(", %s is %s, revision %d", v.Name, v.Data, v.Revision)
		}
		got = append(got, text)
		return nil
	})
	want := []string{
		`5 handled m5 at book "k2": {}, n is 5, revision 2`,
		`7 handled m7 at book "k1": {}, n is 7, revision 2`,
		`9 handled m9 at book "k0": {}, n is 9, revision 3`,
		`10 handled m10 at book "k1": {}, n is 10, revision 3`,
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	stop := errors.New("enough")
	if err := Losses(t.Context(), s, 5, func(*Loss) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the visit's error comes back as %v", err)
	}
}
