// Package mail is the capability of kind mail: mails through an SMTP server that the host
// names.
//
//	uses:
//	  digest: {kind: mail, from: shop@example.com, to: ["*@example.com"]}
//
// The operation mail.send takes a mail as JSON, see [Mail], and answers the attribute
// message_id once the server has it, and duplicate: true when it had it before: the
// Message-ID comes of the message's id and the number of the request, and a mail that was
// sent is remembered by it.
package mail

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// Send is the operation.
const Send = "mail.send"

// Limits of a grant in use.
const (
	ConnectionsMax = 4                   // at a time, to the server
	SentKept       = 30 * 24 * time.Hour // how long it is remembered that a mail was sent
)

// sentBucket remembers what was sent, by Message-ID.
const sentBucket = "grow_mail"

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Server      string   `json:"server"`
	From        string   `json:"from"`
	To          []string `json:"to"`
	Recipients  int      `json:"recipients"`
	Size        int      `json:"size"`
	Attachments int      `json:"attachments"`
	TLS         string   `json:"tls"`
	Optional    bool     `json:"optional"`

	from  address   // From
	allow []address // To; a local part of "*" is all of the domain, a domain of "*" everybody
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("mail", definition, (*grant).whole)

// whole checks what CUE cannot, and completes a grant.
func (g *grant) whole() error {
	var err error
	if g.from, err = parseAddress(g.From); err != nil {
		return fmt.Errorf("mail grant: from: %w", err)
	}
	for _, text := range g.To {
		if text == everybody {
			g.allow = append(g.allow, address{domain: everybody})
			continue
		}
		a, err := parseAddress(text)
		if err != nil {
			return fmt.Errorf("mail grant: to: %w", err)
		}
		g.allow = append(g.allow, a)
	}
	return nil
}

// everybody is the entry of a grant for all recipients, and the local part for all of a domain.
const everybody = "*"

// allows reports whether a grant lets a recipient be written to.
func (g *grant) allows(to address) bool {
	return slices.ContainsFunc(g.allow, func(a address) bool {
		return a.domain == everybody || a.domain == to.domain && (a.local == everybody || a.local == to.local)
	})
}

// Open implements capability.Kind. The server need not be there yet.
func (kind) Open(ctx context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	at, err := serverOf(read.Server, env.Secret)
	if errors.As(err, new(*capability.SecretError)) && read.Optional {
		return capability.Absent([]string{Send}, "%v", err), nil
	}
	if err != nil {
		return nil, err
	}
	o := &opened{grant: read, server: at, scope: env.Namespace + "/" + env.Service, room: make(chan struct{}, ConnectionsMax)}
	if env.Buckets != nil {
		o.sent, err = env.Buckets.Bucket(ctx, bucket.Name{Namespace: env.Namespace, Service: env.Service, Bucket: sentBucket})
		if err != nil {
			return nil, fmt.Errorf("open what was sent: %w", err)
		}
	}
	return o, nil
}

// opened serves one grant.
type opened struct {
	*grant
	server *server
	scope  string        // what ids of messages are unique in
	sent   bucket.Bucket // nil: it is not remembered
	room   chan struct{} // holds one for each connection
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{Send: capability.Changes}
}

// Close implements capability.Capability. A connection ends with its request.
func (*opened) Close() error { return nil }

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	id := o.messageID(r.Stable)
	m, err := o.compose(r.Data, id)
	if err != nil {
		return o.failed(ctx, err)
	}
	answer := capability.Answer{Attrs: []string{"message_id", "<" + id + ">"}}
	known, err := o.wasSent(ctx, id)
	if err != nil {
		return o.failed(ctx, err)
	}
	if known {
		answer.Attrs = append(answer.Attrs, "duplicate", "true")
		return answer
	}
	select {
	case o.room <- struct{}{}:
		defer func() { <-o.room }()
	case <-ctx.Done():
		return o.failed(ctx, ctx.Err())
	}
	if err := o.server.send(ctx, m, o.TLS == "required"); err != nil {
		return o.failed(ctx, err)
	}
	// That it cannot be noted is no failure of the mail: it was sent.
	_ = o.note(ctx, id)
	return answer
}

// messageID is that of a request, without brackets (RFC 5322 section 3.6.4).
func (o *opened) messageID(stable string) string {
	sum := sha256.Sum256([]byte(o.scope + "/" + stable))
	return hex.EncodeToString(sum[:16]) + "@" + o.from.domain
}

// wasSent reports whether the server has had a mail before.
func (o *opened) wasSent(ctx context.Context, id string) (bool, error) {
	if o.sent == nil {
		return false, nil
	}
	_, err := o.sent.Get(ctx, id)
	if errors.Is(err, bucket.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, errUnknown
	}
	return true, nil
}

// note remembers that the server has a mail.
func (o *opened) note(ctx context.Context, id string) error {
	if o.sent == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	_, err := o.sent.Write(ctx, &bucket.Write{Key: id, TTL: SentKept})
	return err
}

// noteTime is how long it may take to note that a mail was sent.
const noteTime = 5 * time.Second

// errUnknown: it cannot be said whether a mail was sent before, so it is not sent.
var errUnknown = errors.New("what was sent before is not known: the host's buckets do not answer")

// refusal is a request that the host does not send on.
type refusal struct{ code, text string }

// Error implements error.
func (e *refusal) Error() string { return e.text }

func refuse(code, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// failed is what an error means to an actor. What the server says of itself is left out.
func (o *opened) failed(ctx context.Context, err error) capability.Answer {
	var own *refusal
	var slow net.Error
	switch {
	case errors.As(err, &own):
		return capability.Fail(own.code, "%s", own.text)
	case errors.Is(err, errUnknown):
		return capability.Fail(capability.Unavailable, "%v", err)
	case ctx.Err() != nil, errors.As(err, &slow) && slow.Timeout():
		return capability.Fail(capability.Timeout, "mail server %s did not take the mail in time", o.Server)
	}
	a := meaning(err)
	a.Text = "mail server " + o.Server + " " + strings.TrimSpace(a.Text)
	return a
}
