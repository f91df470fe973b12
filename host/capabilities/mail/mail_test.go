package mail

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/testdata/postbox"
)

// open opens a grant for mails to example.com; more are further parameters.
func open(t *testing.T, url string, more map[string]any) capability.Capability {
	t.Helper()
	params := map[string]any{"from": "The Shop <shop@example.com>", "to": []any{"*@example.com", "one@example.org"}}
	for name, v := range more {
		params[name] = v
	}
	c, err := kind{}.Open(t.Context(), specs.Grant{Params: params}, capability.Environment{
		Namespace: "main", Service: "shop", Secret: func(name string) (string, bool) { return url, name == "GROW_SMTP_DEFAULT" }, Buckets: &bucket.Memory{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends a mail and says what came of it.
func send(t *testing.T, c capability.Capability, stable, mail string) string {
	t.Helper()
	return sendWithin(t, c, stable, mail, 60_000)
}

func sendWithin(t *testing.T, c capability.Capability, stable, mail string, ms int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(ms)*time.Millisecond)
	defer cancel()
	a := c.Do(ctx, &capability.Request{Operation: Send, Data: []byte(mail), Stable: stable})
	switch {
	case a.Code != "" && a.Retry != (a.Code == capability.Timeout || a.Code == capability.Unavailable):
		return fmt.Sprintf("%s (again: %v): %s", a.Code, a.Retry, a.Text)
	case a.Code != "":
		return a.Code + ": " + a.Text
	}
	return strings.Join(a.Attrs[2:], " ")
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		change map[string]any
		says   string // "": fine
	}{
		{nil, ""},
		{map[string]any{"to": []any{"*"}, "server": "office", "tls": "optional", "recipients": 1000, "size": abi.RequestBytesMax, "attachments": 3}, ""},
		{map[string]any{"from": "shop"}, "from"},
		{map[string]any{"from": "shop@example.com\r\nBcc: x@example.com"}, "control character"},
		{map[string]any{"to": []any{}}, "to"},
		{map[string]any{"to": []any{"example.com"}}, "to"},
		{map[string]any{"to": []any{"*@*"}}, "to"},
		{map[string]any{"to": []any{"a..b@example.com"}}, "to"},
		{map[string]any{"server": "smtp://h"}, "server"},
		{map[string]any{"size": 0}, "size"},
		{map[string]any{"size": abi.RequestBytesMax + 1}, "size"}, // which no request holds
		{map[string]any{"tls": "none"}, "tls"},
		{map[string]any{"host": "h"}, "host"},
	} {
		params := map[string]any{"from": "shop@example.com", "to": []any{"a@example.com"}}
		for name, v := range c.change {
			params[name] = v
		}
		err := capability.CheckGrant(specs.Grant{Kind: "mail", Params: params})
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.change, err, c.says)
		}
	}
}

// TestOpen: what a host cannot give is an error at start that says no secret.
func TestOpen(t *testing.T) {
	for url, says := range map[string]string{
		"":                                   "say in the secret GROW_SMTP_DEFAULT where it is",
		"http://u:hidden@h":                  "the secret GROW_SMTP_DEFAULT is not the address of one",
		"smtp://u:hidden@:25":                "the secret GROW_SMTP_DEFAULT is not the address of one",
		"smtp://u:hidden@h:port":             "the secret GROW_SMTP_DEFAULT is not the address of one",
		"smtps://u:hidden@h/path":            "the secret GROW_SMTP_DEFAULT is not the address of one",
		"smtps://u:hidden@h?insecure=1":      "has an option that is not ca=FILE",
		"smtps://u:hidden@h?ca=/no/file.pem": "holds no certificate",
	} {
		_, err := kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"from": "a@example.com", "to": []any{"*"}}}, capability.Environment{
			Secret: func(string) (string, bool) { return url, url != "" },
		})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "file.pem") {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

// TestSend: what an actor asks for is what a reader sees.
func TestSend(t *testing.T) {
	for _, o := range []postbox.Options{{Implicit: true}, {}} {
		p := postbox.Start(t, o)
		scheme := map[bool]string{true: "smtps", false: "smtp"}[o.Implicit]
		c := open(t, p.URL(scheme), map[string]any{"attachments": 1})
		got := send(t, c, "m1/1", `{"to": ["Ada <ada@example.com>"], "cc": ["one@example.org"], "bcc": ["bob@EXAMPLE.com"], "reply_to": "help@example.net",
			"subject": "Grüße", "text": "one\n.\ntwo ü", "html": "<p>ü</p>", "attachments": [{"name": "sales.csv", "type": "text/csv", "data": "YSxiCg=="}]}`)
		if got != "" {
			t.Fatal(got)
		}
		mails := p.All()
		if len(mails) != 1 || mails[0].From != "shop@example.com" || strings.Join(mails[0].To, " ") != "ada@example.com one@example.org bob@example.com" {
			t.Fatalf("%+v", mails)
		}
		m, err := netmail.ReadMessage(strings.NewReader(mails[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		var decoder mime.WordDecoder
		subject, err := decoder.DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != "Grüße" || m.Header.Get("From") != `"The Shop" <shop@example.com>` || m.Header.Get("Bcc") != "" ||
			m.Header.Get("Reply-To") != "<help@example.net>" || m.Header.Get("Auto-Submitted") != "auto-generated" {
			t.Errorf("%v %v", m.Header, err)
		}
		parts := partsOf(t, textproto.MIMEHeader(m.Header), m.Body)
		want := map[string]string{"text/plain": "one\r\n.\r\ntwo ü", "text/html": "<p>ü</p>", "text/csv": "a,b\n"}
		for kind, text := range want {
			if strings.TrimRight(parts[kind], "\r\n") != strings.TrimRight(text, "\r\n") {
				t.Errorf("%s: %q, want %q", kind, parts[kind], text)
			}
		}
		if len(parts) != len(want) {
			t.Errorf("%q", parts)
		}
	}
}

// partsOf are the leaves of a mail, by their types.
func partsOf(t *testing.T, h textproto.MIMEHeader, body io.Reader) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	if !strings.HasPrefix(kind, "multipart/") {
		b, err := io.ReadAll(decoded(h.Get("Content-Transfer-Encoding"), body))
		if err != nil {
			t.Fatal(err)
		}
		out[kind] = string(b)
		return out
	}
	r := multipart.NewReader(body, params["boundary"])
	for {
		part, err := r.NextRawPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for kind, text := range partsOf(t, part.Header, part) {
			out[kind] = text
		}
	}
}

// TestOnce: a mail that the server has is not sent again, and has the same Message-ID where
// the host does not know that.
func TestOnce(t *testing.T) {
	p := postbox.Start(t, postbox.Options{Implicit: true})
	c := open(t, p.URL("smtps"), nil)
	forgetful := open(t, p.URL("smtps"), nil) // its buckets are others
	const mail = `{"to": ["a@example.com"], "subject": "s"}`
	for i, step := range []struct {
		c            capability.Capability
		stable, want string
	}{{c, "m1/1", ""}, {c, "m1/1", "duplicate true"}, {c, "m1/2", ""}, {forgetful, "m1/1", ""}} {
		if got := send(t, step.c, step.stable, mail); got != step.want {
			t.Errorf("%d: %q, want %q", i, got, step.want)
		}
	}
	ids := map[string]int{}
	for _, m := range p.All() {
		read, err := netmail.ReadMessage(strings.NewReader(m.Data))
		if err != nil {
			t.Fatal(err)
		}
		ids[read.Header.Get("Message-Id")]++
	}
	if len(p.All()) != 3 || len(ids) != 2 {
		t.Errorf("%d mails, of %v", len(p.All()), ids)
	}
}

// TestRefused: what the grant does not allow, and what makes no mail.
func TestRefused(t *testing.T) {
	p := postbox.Start(t, postbox.Options{Implicit: true})
	c := open(t, p.URL("smtps"), map[string]any{"recipients": 2, "attachments": 1, "size": 3000})
	attachment := func(name, kind string) string {
		return fmt.Sprintf(`{"to": ["a@example.com"], "attachments": [{"name": %q, "type": %q, "data": ""}]}`, name, kind)
	}
	for mail, want := range map[string]string{
		`{"to": ["a@example.org"]}`:                            "denied: the grant does not allow mails to a@example.org",
		`{"to": ["a@sub.example.com"]}`:                        "denied: the grant does not allow mails to a@sub.example.com",
		`{"to": ["a@example.com"], "bcc": ["x@evil.example"]}`: "denied: the grant does not allow mails to x@evil.example",
		`{"to": ["One@example.org"]}`:                          "denied: the grant does not allow mails to One@example.org",
		`{}`:                                                   "invalid: the mail has no recipient",
		`{"to": ["a@example.com","b@example.com"], "cc": ["c@example.com"]}`:                                     "limit: the mail has 3 recipients, the grant allows 2",
		`{"to": ["a@example.com, x@evil.example"]}`:                                                              "invalid: ",
		`{"to": ["\"a@evil.example\"@example.com"]}`:                                                             "invalid: ",
		`{"to": ["a@example.com\r\nBcc: x@evil.example"]}`:                                                       "invalid: ",
		`{"to": ["x\r\nRCPT TO:<y@evil.example> <a@example.com>"]}`:                                              "invalid: ",
		`{"to": ["=?utf-8?q?a=0D=0ABcc:x?= <a@example.com>"]}`:                                                   "invalid: ",
		`{"to": ["a@example.com"], "subject": "s\r\nBcc: x@evil.example"}`:                                       "invalid: the subject has a control character",
		`{"to": ["a@example.com"], "reply_to": "x@example.com\nX: y"}`:                                           "invalid: reply_to: ",
		`{"to": ["a@example.com"], "from": "other@example.com"}`:                                                 `invalid: the mail cannot be read: json: unknown field "from"`,
		`{"to": ["a@example.com"]} {}`:                                                                           "invalid: the mail cannot be read: something follows it",
		`{"to": ["a@example.com"], "text": "` + strings.Repeat("x", 3000):                                        "invalid: the mail cannot be read",
		`{"to": ["a@example.com"], "text": "` + strings.Repeat("x", 3000) + `"}`:                                 "limit: the mail has 3",
		`{"to": ["a@example.com"], "attachments": [{"name": "a", "data": ""}, {"name": "b", "data": ""}]}`:       "limit: the mail has 2 attachments",
		`{"to": ["a@example.com"], "attachments": [{"name": "a", "data": "` + strings.Repeat("A", 4000) + `"}]}`: "limit: the mail has ",
		attachment("../a", ""):                    "invalid: an attachment has the name",
		attachment("a\r\nX: y", ""):               "invalid: an attachment has the name",
		attachment("", ""):                        "invalid: an attachment has the name",
		attachment("a", "text/csv\r\nX: y"):       "invalid: attachment a has the type",
		attachment("a", "text/csv; x=\"y\""):      "invalid: attachment a has the type",
		attachment("a", "multipart/mixed"):        "invalid: attachment a has the type",
		`{"to": ["a@example.com"], "subject": 5}`: "invalid: the mail cannot be read",
	} {
		if got := send(t, c, "m1/1", mail); !strings.HasPrefix(got, want) {
			t.Errorf("%.100s: %s\nwant %s", mail, got, want)
		}
	}
	if n := len(p.All()); n != 0 {
		t.Errorf("%d mails came", n)
	}
}

// TestServers: what becomes of a mail with servers that do not take it, and what is told of that.
func TestServers(t *testing.T) {
	const mail = `{"to": ["a@example.com"], "text": "hello"}`
	busy := postbox.Start(t, postbox.Options{Implicit: true, Refuse: func(string) error { return &smtp.SMTPError{Code: 450, Message: "later, at 127.0.0.1"} }})
	unknown := postbox.Start(t, postbox.Options{Implicit: true, Refuse: func(string) error { return &smtp.SMTPError{Code: 550, Message: "no such user"} }})
	small := postbox.Start(t, postbox.Options{Implicit: true, Limit: 20})
	well, starting, plain := postbox.Start(t, postbox.Options{Implicit: true}), postbox.Start(t, postbox.Options{}), postbox.Start(t, postbox.Options{Plain: true})
	optional := map[string]any{"tls": "optional"}
	for _, c := range []struct {
		name, url string
		more      map[string]any
		want      string
	}{
		{"busy", busy.URL("smtps"), nil, "unavailable: mail server default does not take the mail now (450)"},
		{"no such user", unknown.URL("smtps"), nil, "invalid: mail server default does not take a recipient of the mail (550)"},
		{"small", small.URL("smtps"), nil, "limit: mail server default takes no mail of that size (552)"},
		{"password", strings.Replace(well.URL("smtps"), postbox.Password, "hidden-other", 1), nil, "unavailable (again: false): mail server default does not let the host in (535): see user and password in its secret"},
		{"nobody can say now", strings.Replace(well.URL("smtps"), postbox.Password, postbox.LaterPassword, 1), nil, "unavailable: mail server default does not let the host in now (454)"},
		{"no account", "smtps://" + well.Address + "?ca=" + well.CA, nil, "unavailable (again: false): mail server default takes no mails from the host or from the grant's sender (502)"},
		{"certificate", "smtps://shop:hidden@" + well.Address, nil, "unavailable (again: false): mail server default has a certificate that is not trusted"},
		{"certificate after STARTTLS", "smtp://shop:hidden@" + starting.Address, nil, "unavailable (again: false): mail server default has a certificate that is not trusted"},
		{"certificate, optional", "smtp://shop:hidden@" + starting.Address, optional, "unavailable (again: false): mail server default has a certificate that is not trusted"},
		{"TLS at a port without", plain.URL("smtps"), nil, "unavailable (again: false): mail server default does not speak TLS at its port"},
		{"no TLS", plain.URL("smtp"), nil, "unavailable (again: false): mail server default offers no encryption, and the grant needs it"},
		{"password without TLS", plain.URL("smtp"), optional, "unavailable (again: false): mail server default offers no way to log in that the host takes"},
		{"greeting without end", talker(t, strings.Repeat("220-x\r\n", 1000), true), optional, "unavailable (again: false): mail server default does not stop to answer"},
		{"line without end", talker(t, strings.Repeat("220 x", 1000), true), optional, "unavailable (again: false): mail server default does not stop to answer"},
		{"not SMTP", talker(t, "HTTP/1.1 400 Bad Request\r\n\r\n", false), optional, "unavailable: mail server default does not answer"},
		{"hangs up", talker(t, "", false), optional, "unavailable: mail server default does not answer"},
		{"nobody", "smtp://hidden@127.0.0.1:1", nil, "unavailable: mail server default does not answer"},
	} {
		got := send(t, open(t, c.url, c.more), "m1/1", mail)
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
		if strings.Contains(got, "hidden") || strings.Contains(got, "127.0.0.1") {
			t.Errorf("%s: it says too much: %s", c.name, got)
		}
	}
	for _, p := range []*postbox.Box{busy, unknown, small, well, starting, plain} {
		if n := len(p.All()); n != 0 {
			t.Errorf("%d mails came", n)
		}
	}
}

// talker is a server that says a text to everybody, for ever or once.
func talker(t *testing.T, text string, forever bool) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			for _, err = io.WriteString(conn, text); err == nil && forever; _, err = io.WriteString(conn, text) {
			}
			if !forever && text != "" {
				_, _ = bufio.NewReader(conn).ReadString('\n')
			}
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return "smtp://" + l.Addr().String()
}

// TestOptional: a service that can do without a mail server runs on a host that knows none,
// and is told so with each mail; one that has a wrong address does not run.
func TestOptional(t *testing.T) {
	open := func(optional bool, address string) (capability.Capability, error) {
		return kind{}.Open(t.Context(), specs.Grant{Params: map[string]any{"from": "shop@example.com", "to": []any{"*"}, "optional": optional}},
			capability.Environment{Secret: func(string) (string, bool) { return address, address != "" }})
	}
	if _, err := open(false, ""); err == nil {
		t.Error("it runs without a server that it needs")
	}
	if _, err := open(true, "hidden"); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("of a wrong address: %v", err)
	}
	c, err := open(true, "")
	if err != nil {
		t.Fatal(err)
	}
	if effect, ok := c.Operations()[Send]; !ok || effect != capability.Reads {
		t.Errorf("operations %v", c.Operations())
	}
	a := c.Do(t.Context(), &capability.Request{Data: []byte(`{"to": ["a@example.com"], "text": "x"}`)})
	if a.Code != capability.Unavailable || a.Retry || !strings.Contains(a.Text, "GROW_SMTP_DEFAULT") {
		t.Errorf("%+v", a)
	}
}
