//go:build !wasip1

package grow_test

import (
	"testing"

	grow "github.com/grow-platform/grow/sdk/go"
	"github.com/grow-platform/grow/sdk/go/growtest"
)

func init() {
	grow.OnMessage("mail.ask", func(ctx *grow.Context, m grow.Message) error {
		var to string
		if err := m.Decode(&to); err != nil {
			return err
		}
		got, err := ctx.SendMail("digest", grow.Mail{To: []string{to}, Subject: "s", Text: "t", Attachments: []grow.MailAttachment{{Name: "a.csv", Data: []byte("a")}}})
		if want := (grow.Mailed{MessageID: "<1@example.com>", Duplicate: true}); err == nil && got != want {
			return grow.Refuse("wrong", got.MessageID)
		}
		return err
	})
}

// TestSendMail: what is asked for when a mail is sent, and what is made of the answer.
func TestSendMail(t *testing.T) {
	var asked growtest.Request
	h := growtest.New(growtest.Options{Config: config{"EUR"}, Double: func(r growtest.Request) growtest.Answer {
		if asked = r; len(asked.Attrs) > 0 {
			t.Errorf("%v", asked.Attrs)
		}
		if string(r.Data) == `{"to":["away"],"subject":"s","text":"t","attachments":[{"name":"a.csv","data":"YQ=="}]}` {
			return growtest.Answer{Code: "unavailable", Retry: true}
		}
		return growtest.Answer{Attrs: map[string]string{"message_id": "<1@example.com>", "duplicate": "true"}}
	}})
	if got := h.Send("mail.ask", "a@example.com"); got.Outcome != growtest.Handled {
		t.Errorf("%+v", got)
	}
	if asked.Op != "mail.send" || asked.Use != "digest" {
		t.Errorf("%+v", asked)
	}
	if got := h.Send("mail.ask", "away"); got.Outcome != growtest.Later {
		t.Errorf("%+v", got)
	}
}
