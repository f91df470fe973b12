// Package adapter brings a client of the Debug Adapter Protocol, an editor say, to a host:
// bytes go both ways as they are, but for what the client asks to be debugged, to which
// is added what the command line says.
package adapter

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/go-dap"
)

// Join passes on what a client and a host say until one of them has enough or ctx ends,
// and closes both. args are added to the arguments of the client's attach or launch, where
// it does not say otherwise. A client or a host that goes away is no error. It returns
// while a read of the client that heeds no Close is under way.
func Join(ctx context.Context, client, host io.ReadWriteCloser, args map[string]any) error {
	ended := make(chan error, 2)
	go func() { // ends with host
		_, _ = io.Copy(client, host) // whichever has closed it
		ended <- nil
	}()
	go func() { ended <- forward(client, host, args) }() // ends with client
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	_, _ = client.Close(), host.Close() // what they held is over
	return err
}

// forward passes on what a client says.
func forward(client io.Reader, host io.Writer, args map[string]any) error {
	in := bufio.NewReader(client)
	for {
		content, err := dap.ReadBaseMessage(in)
		var framing *dap.BaseProtocolError
		if errors.As(err, &framing) {
			return fmt.Errorf("read from the debugger's client: %w", err)
		}
		if err != nil {
			return nil
		}
		content, done := begun(content, args)
		if err := dap.WriteBaseMessage(host, content); err != nil {
			return nil
		}
		if done {
			_, _ = io.Copy(host, in) // whichever has closed it
			return nil
		}
	}
}

// begun adds arguments to a message that says what is to be debugged; done is false for
// any other, which stays as it is.
func begun(content []byte, args map[string]any) (_ []byte, done bool) {
	var m map[string]json.RawMessage
	var command string
	if json.Unmarshal(content, &m) != nil || json.Unmarshal(m["command"], &command) != nil || command != "attach" && command != "launch" {
		return content, false
	}
	all := map[string]any{}
	if len(m["arguments"]) > 0 && json.Unmarshal(m["arguments"], &all) != nil || all == nil {
		return content, true // the host says what is wrong with them
	}
	for name, v := range args {
		if _, ok := all[name]; !ok {
			all[name] = v
		}
	}
	b, err := json.Marshal(all)
	if err != nil {
		return content, true
	}
	m["arguments"] = b
	if b, err = json.Marshal(m); err != nil {
		return content, true
	}
	return b, true
}
