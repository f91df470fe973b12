package mail

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/mail"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/grow-platform/grow/runtime/capability"
	client "github.com/wneessen/go-mail"
)

// Limits of one mail's parts.
const (
	SubjectMax = 500 // bytes
	NameMax    = 200 // bytes of an attachment's name
)

// Mail is what mail.send takes, as JSON.
type Mail struct {
	To          []string     `json:"to,omitempty"` // ops@example.com or Ops <ops@example.com>; there is one in to, cc or bcc
	Cc          []string     `json:"cc,omitempty"`
	Bcc         []string     `json:"bcc,omitempty"` // who is sent the mail, and not named in it
	ReplyTo     string       `json:"reply_to,omitempty"`
	Subject     string       `json:"subject,omitempty"`
	Text        string       `json:"text,omitempty"` // text, html or both: then a reader shows one of them
	HTML        string       `json:"html,omitempty"`
	Attachments []Attachment `json:"attachments,omitempty"`
}

// Attachment is a file with a mail.
type Attachment struct {
	Name string `json:"name"`           // without folders
	Type string `json:"type,omitempty"` // as text/csv; "": application/octet-stream
	Data []byte `json:"data"`           // base64 in JSON
}

// compose makes the mail that a request asks for, when the grant allows it.
func (o *opened) compose(data []byte, id string) (*client.Msg, error) {
	var m Mail
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, refuse(capability.Invalid, "the mail cannot be read: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, refuse(capability.Invalid, "the mail cannot be read: something follows it")
	}
	if err := m.check(o.grant); err != nil {
		return nil, err
	}
	out := client.NewMsg(client.WithNoDefaultUserAgent())
	if err := o.addresses(out, &m); err != nil {
		return nil, err
	}
	out.SetMessageIDWithValue(id)
	out.SetDate()
	out.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday reply comes back
	out.Subject(m.Subject)
	switch {
	case m.Text == "" && m.HTML != "":
		out.SetBodyString(client.TypeTextHTML, m.HTML)
	case m.HTML != "":
		out.SetBodyString(client.TypeTextPlain, m.Text)
		out.AddAlternativeString(client.TypeTextHTML, m.HTML)
	default:
		out.SetBodyString(client.TypeTextPlain, m.Text)
	}
	for _, a := range m.Attachments {
		options := []client.FileOption{client.WithFileEncoding(client.EncodingB64)}
		if a.Type != "" {
			options = append(options, client.WithFileContentType(client.ContentType(a.Type)))
		}
		out.AttachReadSeeker(a.Name, bytes.NewReader(a.Data), options...)
	}
	n, err := out.WriteTo(io.Discard)
	if err != nil {
		return nil, refuse(capability.Invalid, "the mail cannot be written: %v", err)
	}
	if n > int64(o.Size) {
		return nil, refuse(capability.Limit, "the mail has %d bytes, the grant allows %d", n, o.Size)
	}
	return out, nil
}

// check holds a mail's own parts against the grant.
func (m *Mail) check(g *grant) error {
	switch n := len(m.To) + len(m.Cc) + len(m.Bcc); {
	case n == 0:
		return refuse(capability.Invalid, "the mail has no recipient: name one in to, cc or bcc")
	case n > g.Recipients:
		return refuse(capability.Limit, "the mail has %d recipients, the grant allows %d", n, g.Recipients)
	case len(m.Attachments) > g.Attachments:
		return refuse(capability.Limit, "the mail has %d attachments, the grant allows %d", len(m.Attachments), g.Attachments)
	case len(m.Subject) > SubjectMax:
		return refuse(capability.Limit, "the subject has %d bytes, %d are allowed", len(m.Subject), SubjectMax)
	case !oneLine(m.Subject):
		return refuse(capability.Invalid, "the subject has a control character: it is one line of text")
	}
	for _, a := range m.Attachments {
		if a.Name == "" || len(a.Name) > NameMax || !oneLine(a.Name) || path.Base(a.Name) != a.Name || strings.ContainsAny(a.Name, `\/`) {
			return refuse(capability.Invalid, "an attachment has the name %.80q: it is one without folders, of 1 to %d bytes", a.Name, NameMax)
		}
		if a.Type != "" {
			if kind, params, err := mime.ParseMediaType(a.Type); err != nil || len(params) > 0 || kind != a.Type || !strings.Contains(kind, "/") || strings.HasPrefix(kind, "multipart/") {
				return refuse(capability.Invalid, "attachment %s has the type %.80q: it is one as text/csv, in small letters", a.Name, a.Type)
			}
		}
	}
	return nil
}

// oneLine reports whether a text can stand in a header.
func oneLine(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f || c == 0x85 || c == 0x2028 || c == 0x2029 })
}

// addresses sets from whom and to whom a mail is.
func (o *opened) addresses(out *client.Msg, m *Mail) error {
	for _, field := range []struct {
		list []string
		add  func(*mail.Address)
	}{{m.To, out.AddToMailAddress}, {m.Cc, out.AddCcMailAddress}, {m.Bcc, out.AddBccMailAddress}} {
		for _, text := range field.list {
			a, err := parseAddress(text)
			if err != nil {
				return refuse(capability.Invalid, "%v", err)
			}
			if !o.allows(a) {
				return refuse(capability.Denied, "the grant does not allow mails to %s", a)
			}
			field.add(&mail.Address{Name: a.name, Address: a.String()})
		}
	}
	if m.ReplyTo != "" {
		a, err := parseAddress(m.ReplyTo)
		if err != nil {
			return refuse(capability.Invalid, "reply_to: %v", err)
		}
		out.ReplyToMailAddress(&mail.Address{Name: a.name, Address: a.String()})
	}
	out.FromMailAddress(&mail.Address{Name: o.from.name, Address: o.from.String()})
	return nil
}
