package app

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/host/control"
)

// TestSendTooLarge: whoever speaks to a host without grow send is held to what one
// message may be, too, and the host goes on.
func TestSendTooLarge(t *testing.T) {
	h := serve(t, "")
	data := func(n int) []byte { return []byte(`"d` + strings.Repeat("0", n-3) + `"`) }
	many := map[string]string{}
	for n := range abi.AttrsMax {
		many["x."+strings.Repeat("a", n+1)] = ""
	}
	for name, r := range map[string]control.SendRequest{
		"data":            {Data: data(abi.DataMax + 1)},
		"attributes":      {Data: data(10), Attrs: many},
		"a long name":     {Data: data(10), Attrs: map[string]string{"x." + strings.Repeat("a", abi.AttrNameMax): ""}},
		"a long value":    {Data: data(10), Attrs: map[string]string{"x.a": strings.Repeat("a", abi.AttrValueMax+1)}},
		"just as it fits": {Data: data(abi.DataMax), Attrs: map[string]string{"x.a": strings.Repeat("a", abi.AttrValueMax)}},
	} {
		r.To, r.Type = "hog", "hog.do"
		_, err := backend{h}.Send(t.Context(), r)
		var told *control.Error
		switch {
		case name == "just as it fits":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case !errors.As(err, &told) || told.Code != control.CodeTooLarge || told.Status() != http.StatusRequestEntityTooLarge || told.Next == "":
			t.Errorf("%s: %v", name, err)
		}
	}
}
