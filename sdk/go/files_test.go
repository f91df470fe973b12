//go:build !wasip1

package grow_test

import (
	"errors"
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

func init() {
	grow.OnMessage("files.ask", func(ctx *grow.Context, _ grow.Message) error {
		files := ctx.Files("texts")
		if b, err := files.Read("docs/a.md"); err != nil || string(b) != "text" {
			return errors.Join(errors.New(string(b)), err)
		}
		list, err := files.List("docs")
		if err != nil || len(list) != 1 || list[0] != (grow.File{Name: "a.md", Size: 4}) {
			return errors.Join(errors.New("the list is wrong"), err)
		}
		var no *grow.CallError
		if _, err := files.Read("none"); !errors.As(err, &no) || no.Code != "not_found" {
			return errors.Join(errors.New("what is not there was read"), err)
		}
		return nil
	})
}

// TestFiles: what is asked for when documents are read, and what is made of the answers.
func TestFiles(t *testing.T) {
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		switch r.Use + " " + r.Op + " " + r.Attrs["path"] {
		case "texts files.read docs/a.md":
			return growtest.Answer{Data: []byte("text")}
		case "texts files.list docs":
			return growtest.Answer{Data: []byte(`[{"name":"a.md","size":4,"folder":false}]`)}
		}
		return growtest.Answer{Code: "not_found"}
	}})
	if got := h.Send("files.ask", 0); got.Outcome != growtest.Handled {
		t.Errorf("%+v", got)
	}
}
