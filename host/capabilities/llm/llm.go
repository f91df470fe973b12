// Package llm is the capability of kind llm: chats with language models, and embeddings, by
// a provider that the host names.
//
//	uses:
//	  helper: {kind: llm, models: [gpt-4o-mini], daily: 200000}
//
// The operation llm.chat takes a [Chat] as JSON and answers a [Reply], llm.embed takes an
// [Embed] and answers [Vectors], whichever provider it is: one that speaks as OpenAI does,
// Anthropic, or Ollama. A chat may be asked for as a stream, too: see package capability.
// Its answer is lines of JSON, each a [Piece], and the [Reply] as the last.
//
// An answer costs money, so both operations count as changing the outside: the message is
// kept first, and the answer is kept with it. An answer is also kept in the bucket grow_llm,
// by the message's id, the number of the request and its content: the same request after a
// crash is given it again, and the provider is not asked. What was used is kept there, too.
package llm

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/grow-platform/grow/host/capabilities/grants"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/specs"
)

// The operations.
const (
	ChatOperation  = "llm.chat"
	EmbedOperation = "llm.embed"
)

// AnswerKept is how long an answer is kept apart from its message.
const AnswerKept = 24 * time.Hour

// keptBucket keeps answers by request, and what was used by day and by message.
const keptBucket = "grow_llm"

// noteTime is how long it may take to keep what came of a request.
const noteTime = 5 * time.Second

func init() { capability.Register(kind{form}) }

type kind struct{ *grants.Form[grant] }

// grant is what grant.cue describes.
type grant struct {
	Server      string   `json:"server"`
	Models      []string `json:"models"`
	Tokens      int64    `json:"tokens"`
	Daily       int64    `json:"daily"`
	Output      int      `json:"output"`
	Size        int      `json:"size"`
	Answer      int      `json:"answer"`
	Retries     int      `json:"retries"`
	Connections int      `json:"connections"`
}

//go:embed grant.cue
var definition string

var form = grants.New[grant]("llm", definition, nil)

// Open implements capability.Kind. The provider need not be there yet.
func (kind) Open(ctx context.Context, g specs.Grant, env capability.Environment) (capability.Capability, error) {
	read, err := form.Read(g.Params)
	if err != nil {
		return nil, err
	}
	o := &opened{grant: read}
	if o.server, err = serverOf(o.Server, env.Secret); err != nil {
		return nil, err
	}
	buckets := env.Buckets
	if buckets == nil {
		buckets = &bucket.Memory{} // what was used counts as long as the grant is open
	}
	o.kept, err = buckets.Bucket(ctx, bucket.Name{Namespace: env.Namespace, Service: env.Service, Bucket: keptBucket})
	if err != nil {
		return nil, fmt.Errorf("open what was used: %w", err)
	}
	o.scope = env.Node + "/" + g.Name
	o.budget = &budget{kept: o.kept, scope: o.scope, now: time.Now, message: o.Tokens, daily: o.Daily}
	o.room = make(chan struct{}, o.Connections)
	return o, nil
}

// opened serves one grant.
type opened struct {
	*grant
	server *server
	scope  string // what the bucket knows the grant by
	kept   bucket.Bucket
	budget *budget
	room   chan struct{} // holds one for each request that is made
}

// Operations implements capability.Capability.
func (*opened) Operations() map[string]capability.Effect {
	return map[string]capability.Effect{
		ChatOperation: capability.Changes, EmbedOperation: capability.Changes,
		capability.StreamOpen: capability.Changes, capability.StreamRead: capability.Reads, capability.StreamClose: capability.Reads,
	}
}

// Close implements capability.Capability.
func (o *opened) Close() error {
	o.server.client.CloseIdleConnections()
	return nil
}

// Do implements capability.Capability.
func (o *opened) Do(ctx context.Context, r *capability.Request) capability.Answer {
	if err := o.fits(r); err != nil {
		return o.failed(ctx, err)
	}
	q, err := o.question(r)
	if err != nil {
		return o.failed(ctx, err)
	}
	key := o.answerKey(r)
	known, err := o.kept.Get(ctx, key)
	if err == nil {
		return capability.Answer{Data: known.Data}
	}
	if !errors.Is(err, bucket.ErrNotFound) {
		return o.failed(ctx, errUnknown)
	}
	leave, err := o.enter(ctx)
	if err != nil {
		return o.failed(ctx, err)
	}
	defer leave()
	data, err := o.paid(ctx, r, q)
	if err != nil {
		return o.failed(ctx, err)
	}
	o.keep(ctx, key, data)
	return capability.Answer{Data: data}
}

// fits refuses a request that is too large.
func (o *opened) fits(r *capability.Request) error {
	if len(r.Data) > o.Size {
		return refuse(capability.Limit, "the request has %d bytes, the grant allows %d", len(r.Data), o.Size)
	}
	return nil
}

// enter waits until the provider may be asked, which ends with leave.
func (o *opened) enter(ctx context.Context) (leave func(), err error) {
	select {
	case o.room <- struct{}{}:
		return func() { <-o.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// keep keeps an answer apart from its message. That it cannot be is no failure: it is kept
// with the message.
func (o *opened) keep(ctx context.Context, key string, data []byte) {
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	_, _ = o.kept.Write(late, &bucket.Write{Key: key, Data: data, TTL: AnswerKept})
}

// answerKey is what the answer to a request is kept by.
func (o *opened) answerKey(r *capability.Request) string {
	sum := sha256.New()
	for _, part := range []string{o.scope, r.Stable, r.Operation, string(r.Data)} {
		_, _ = fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return "answer/" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// question is a request as the provider is asked it.
type question struct {
	chat   *Chat // nil: it is none
	path   string
	body   []byte
	bare   []byte // body without what some providers refuse; nil: there is nothing of that
	tokens int64  // that it may use, about
	read   func(reply []byte) (answer any, used Usage, err error)
}

// question makes of a request what the provider is asked, when the grant allows it.
func (o *opened) question(r *capability.Request) (*question, error) {
	switch r.Operation {
	case ChatOperation:
		return o.chatQuestion(r, false)
	case EmbedOperation:
		return o.embedQuestion(r)
	}
	return nil, refuse(capability.Invalid, "there is no operation %.80q", r.Operation)
}

// chatQuestion is a chat, whose answer is a stream or not.
func (o *opened) chatQuestion(r *capability.Request, stream bool) (*question, error) {
	c := &Chat{}
	if err := decode(r.Data, c); err != nil {
		return nil, err
	}
	if err := c.check(o.grant); err != nil {
		return nil, err
	}
	path, body, err := o.server.wire.chat(c, stream)
	if err != nil {
		return nil, err
	}
	q := &question{chat: c, path: path, tokens: int64(c.MaxTokens)}
	q.read = func(reply []byte) (any, Usage, error) {
		a, err := o.server.wire.reply(reply, c)
		if err != nil {
			return nil, Usage{}, err
		}
		used := a.Usage
		return a, used, a.finish(c)
	}
	if b, ok := body.(*openAIChat); ok && b.StreamOptions != nil {
		bare := *b
		bare.StreamOptions = nil
		if q.bare, err = json.Marshal(&bare); err != nil {
			return nil, refuse(capability.Invalid, "the request cannot be written: %v", err)
		}
	}
	return q, q.write(r, body)
}

func (o *opened) embedQuestion(r *capability.Request) (*question, error) {
	var e Embed
	if err := decode(r.Data, &e); err != nil {
		return nil, err
	}
	if err := e.check(o.grant); err != nil {
		return nil, err
	}
	path, body, err := o.server.wire.embed(&e)
	if err != nil {
		return nil, err
	}
	q := &question{path: path}
	q.read = func(reply []byte) (any, Usage, error) {
		v, err := o.server.wire.vectors(reply)
		if err != nil {
			return nil, Usage{}, err
		}
		v.Model = e.Model
		used := v.Usage
		return v, used, v.check(len(e.Texts))
	}
	return q, q.write(r, body)
}

// write writes the body of a request, and counts what it may use.
func (q *question) write(r *capability.Request, body any) (err error) {
	if q.body, err = json.Marshal(body); err != nil {
		return refuse(capability.Invalid, "the request cannot be written: %v", err)
	}
	q.tokens += int64(len(r.Data)) / bytesPerToken
	return nil
}

// bytesPerToken is about how many bytes of a text are a token, counted to be on the safe side.
const bytesPerToken = 3

// paid asks the provider within the budget and gives the answer as JSON. What the request
// may use is taken from the budget first, and what it did not use is given back after.
func (o *opened) paid(ctx context.Context, r *capability.Request, q *question) ([]byte, error) {
	give, err := o.budget.take(ctx, messageOf(r.Stable), q.tokens)
	if err != nil {
		return nil, err
	}
	reply, err := o.server.ask(ctx, q.path, q.body, o.Retries, key(o.scope, r.Stable))
	if err != nil {
		if free(err) {
			give(ctx, 0)
		}
		return nil, err
	}
	answer, used, err := q.read(reply)
	if used.known() {
		give(ctx, used.Input+used.Output)
	}
	if err != nil {
		return nil, err
	}
	return o.written(answer)
}

// free reports whether a request failed that has used nothing.
func free(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.free
}

// written is an answer as JSON, without the key, and within the grant's bound.
func (o *opened) written(answer any) ([]byte, error) {
	data, err := encode(answer)
	if err != nil {
		return nil, errNonsense
	}
	if data = o.server.mask(data); len(data) > o.Answer {
		return nil, refuse(capability.Limit, "the answer has %d bytes, the grant allows %d", len(data), o.Answer)
	}
	return data, nil
}

// key names a request to the provider: the same at every attempt.
func key(scope, stable string) string {
	sum := sha256.Sum256([]byte(scope + "/" + stable))
	return hex.EncodeToString(sum[:16])
}

// decode reads a request strictly.
func decode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return refuse(capability.Invalid, "the request cannot be read: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return refuse(capability.Invalid, "the request cannot be read: something follows it")
	}
	return nil
}

// encode writes JSON in which a text stands as it is, so that a secret in it is found.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// refusal is a request that fails for what the host knows of it.
type refusal struct{ code, text string }

// Error implements error.
func (e *refusal) Error() string { return e.text }

func refuse(code, format string, args ...any) error {
	return &refusal{code, fmt.Sprintf(format, args...)}
}

// Errors of what others say.
var (
	// errUnknown: it cannot be said what was used, so nothing is asked.
	errUnknown = errors.New("what was used before is not known: the host's buckets do not answer")
	// errNonsense: the provider's answer is not one.
	errNonsense = errors.New("gave an answer that cannot be read")
)

// failed is what an error means to an actor. What the provider says of it is left out.
func (o *opened) failed(ctx context.Context, err error) capability.Answer {
	var own *refusal
	var f *fault
	switch {
	case errors.As(err, &own):
		return capability.Fail(own.code, "%s", own.text)
	case ctx.Err() != nil:
		return capability.Fail(capability.Timeout, "llm server %s did not answer in time", o.Server)
	case errors.Is(err, errUnknown):
		return capability.Fail(capability.Unavailable, "%v", err)
	case errors.As(err, &f):
		a := capability.Fail(f.code, "llm server %s %s", o.Server, f.text)
		a.Retry = a.Retry && !f.forGood
		return a
	case errors.Is(err, errNonsense):
		return capability.Fail(capability.Unavailable, "llm server %s %v", o.Server, errNonsense)
	}
	return capability.Fail(capability.Unavailable, "llm server %s does not answer", o.Server)
}
