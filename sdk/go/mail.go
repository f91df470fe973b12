package grow

import "encoding/json"

// Mail is a mail to send. Recipients are ops@example.com or Ops <ops@example.com>; there is
// one in To, Cc or Bcc at least. With text and HTML a reader shows one of them.
type Mail struct {
	To          []string         `json:"to,omitempty"`
	Cc          []string         `json:"cc,omitempty"`
	Bcc         []string         `json:"bcc,omitempty"` // they are sent the mail, and not named in it
	ReplyTo     string           `json:"reply_to,omitempty"`
	Subject     string           `json:"subject,omitempty"`
	Text        string           `json:"text,omitempty"`
	HTML        string           `json:"html,omitempty"`
	Attachments []MailAttachment `json:"attachments,omitempty"`
}

// MailAttachment is a file with a mail.
type MailAttachment struct {
	Name string `json:"name"`           // without folders
	Type string `json:"type,omitempty"` // as text/csv; "": application/octet-stream
	Data []byte `json:"data"`
}

// Mailed says what became of a mail.
type Mailed struct {
	MessageID string // with its brackets
	Duplicate bool   // an earlier attempt had sent it
}

// SendMail sends a mail as the grant use allows, and returns when the server has it. A mail
// that the server has is not sent again, however often the message is tried.
func (c *Context) SendMail(use string, m Mail) (Mailed, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return Mailed{}, err
	}
	a, err := c.Do(Request{Op: "mail.send", Use: use, Data: data})
	if err != nil {
		return Mailed{}, err
	}
	return Mailed{MessageID: a.Attr("message_id"), Duplicate: a.Attr("duplicate") == "true"}, nil
}
