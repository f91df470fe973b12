package nats

import (
	"fmt"
	"time"

	client "github.com/nats-io/nats.go"
)

// Dial connects to the servers of o, for what else is kept where the journal is. The
// connection, which comes back by itself when it is lost, is the caller's to close.
func Dial(o Options) (*client.Conn, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	list, err := o.client()
	if err != nil {
		return nil, err
	}
	c, err := client.Connect(o.URL, append(list,
		client.Name("grow"), client.Timeout(o.CallTimeout), client.MaxReconnects(-1), client.ReconnectWait(50*time.Millisecond), client.ReconnectBufSize(-1), client.IgnoreAuthErrorAbort(),
		client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) {
			o.Log.Warn("connection to NATS", "error", err)
		}),
	)...)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", connectError(err))
	}
	return c, nil
}
