// Command pipeline runs a configuration of Redpanda Connect with the engine that Redpanda Connect
// is made of. Of the engine are the configuration's language and checks, what is done with
// messages, retries and acknowledgements. The connectors to NATS and to SQL are in no module
// that may be used here: those below take the same fields and do what their documents say.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run runs the configuration in a file, which must have no fault, until ctx ends.
func run(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	b := service.NewStreamBuilder()
	b.SetPrintLogger(quiet{})
	if err := b.SetYAML(string(text)); err != nil {
		return err
	}
	stream, err := b.Build()
	if err != nil {
		return err
	}
	return stream.Run(ctx)
}

// quiet is a log of nothing.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func init() {
	urls := service.NewStringListField("urls")
	errs := []error{
		service.RegisterInput("nats", service.NewConfigSpec().Fields(
			urls, service.NewStringField("subject"), service.NewStringField("queue").Optional(),
			service.NewAutoRetryNacksToggleField(), service.NewBoolField("send_ack").Default(true),
		), newInput),
		service.RegisterOutput("nats", service.NewConfigSpec().Fields(
			urls, service.NewInterpolatedStringField("subject"), service.NewInterpolatedStringMapField("headers").Default(map[string]any{}),
			service.NewIntField("max_in_flight").Default(64),
		), newOutput),
		service.RegisterProcessor("sql_raw", service.NewConfigSpec().Fields(
			service.NewStringField("driver"), service.NewStringField("dsn"), service.NewStringField("query"),
			service.NewBloblangField("args_mapping").Optional(), service.NewBoolField("exec_only").Default(false),
		), newTable),
	}
	if err := errors.Join(errs...); err != nil {
		panic(err)
	}
}

// connection is one to the servers that a configuration names.
func connection(c *service.ParsedConfig) (*nats.Conn, error) {
	urls, err := c.FieldStringList("urls")
	if err != nil {
		return nil, err
	}
	return nats.Connect(strings.Join(urls, ","))
}

// input takes messages from a subject. It acknowledges each to its reply subject after the
// output has it, unless send_ack is false.
type input struct {
	config *service.ParsedConfig
	conn   *nats.Conn
	came   chan *nats.Msg
	ack    bool
}

func newInput(c *service.ParsedConfig, _ *service.Resources) (service.Input, error) {
	ack, err := c.FieldBool("send_ack")
	if err != nil {
		return nil, err
	}
	return service.AutoRetryNacksToggled(c, &input{config: c, came: make(chan *nats.Msg, 64), ack: ack})
}

func (i *input) Connect(context.Context) error {
	subject, err := i.config.FieldString("subject")
	if err != nil {
		return err
	}
	var queue string
	if i.config.Contains("queue") {
		if queue, err = i.config.FieldString("queue"); err != nil {
			return err
		}
	}
	if i.conn, err = connection(i.config); err == nil {
		_, err = i.conn.ChanQueueSubscribe(subject, queue, i.came)
	}
	return err
}

func (i *input) Read(ctx context.Context) (*service.Message, service.AckFunc, error) {
	var came *nats.Msg
	select {
	case came = <-i.came:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	m := service.NewMessage(came.Data)
	m.MetaSetMut("nats_subject", came.Subject)
	m.MetaSetMut("nats_reply_subject", came.Reply)
	for name := range came.Header {
		m.MetaSetMut(name, came.Header.Get(name))
	}
	return m, func(_ context.Context, err error) error {
		if err != nil || !i.ack || came.Reply == "" {
			return nil
		}
		return came.Ack()
	}, nil
}

func (i *input) Close(context.Context) error {
	if i.conn != nil {
		i.conn.Close()
	}
	return nil
}

// output publishes messages.
type output struct {
	config  *service.ParsedConfig
	subject *service.InterpolatedString
	headers map[string]*service.InterpolatedString
	conn    *nats.Conn
}

func newOutput(c *service.ParsedConfig, _ *service.Resources) (service.Output, int, error) {
	subject, err := c.FieldInterpolatedString("subject")
	headers, err2 := c.FieldInterpolatedStringMap("headers")
	most, err3 := c.FieldInt("max_in_flight")
	return &output{config: c, subject: subject, headers: headers}, most, errors.Join(err, err2, err3)
}

func (o *output) Connect(context.Context) (err error) {
	o.conn, err = connection(o.config)
	return err
}

func (o *output) Write(_ context.Context, m *service.Message) error {
	subject, err := o.subject.TryString(m)
	if err != nil {
		return err
	}
	out := nats.NewMsg(subject)
	if out.Data, err = m.AsBytes(); err != nil {
		return err
	}
	for name, value := range o.headers {
		text, err := value.TryString(m)
		if err != nil {
			return err
		}
		out.Header.Add(name, text)
	}
	return o.conn.PublishMsg(out)
}

func (o *output) Close(context.Context) error {
	if o.conn != nil {
		o.conn.Close()
	}
	return nil
}

// table is a database of one table, whose first column is its key: a row whose key it has is not
// added again. It is not there when dsn is "down".
type table struct {
	query string
	down  bool
	args  func(*service.Message) (any, error)

	mu   sync.Mutex
	rows map[string]bool
}

func newTable(c *service.ParsedConfig, _ *service.Resources) (service.Processor, error) {
	dsn, err := c.FieldString("dsn")
	query, err2 := c.FieldString("query")
	args, err3 := c.FieldBloblang("args_mapping")
	if err := errors.Join(err, err2, err3); err != nil {
		return nil, err
	}
	return &table{query: query, down: dsn == "down", rows: map[string]bool{}, args: func(m *service.Message) (any, error) {
		row, err := m.BloblangQuery(args)
		if err != nil {
			return nil, err
		}
		return row.AsStructured()
	}}, nil
}

// Process adds a row and prints it.
func (t *table) Process(_ context.Context, m *service.Message) (service.MessageBatch, error) {
	args, err := t.args(m)
	if err != nil {
		return nil, err
	}
	row, ok := args.([]any)
	if !ok || len(row) != strings.Count(t.query, "?") {
		return nil, fmt.Errorf("%d arguments for %s", len(row), t.query)
	}
	if t.down {
		return nil, errors.New("dial tcp: connection refused")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if key := fmt.Sprint(row[0]); !t.rows[key] {
		t.rows[key] = true
		fmt.Println(row...)
	}
	return service.MessageBatch{m}, nil
}

func (*table) Close(context.Context) error { return nil }
