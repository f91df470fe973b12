package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/dap"
	"github.com/grow-platform/grow/runtime/debug"
)

// Debug implements control.Backend.
func (b backend) Debug(ctx context.Context, conn io.ReadWriteCloser, by string) error {
	if b.opts.Shared != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(b.opts.Shared.ending, cancel)()
	}
	return dap.Serve(ctx, conn, dap.Options{Attach: func(ctx context.Context, args map[string]any) (*debug.Session, io.Closer, error) {
		t, err := targetOf(args)
		if err != nil {
			return nil, nil, err
		}
		d, err := b.OpenDebugger(ctx, t, by)
		if err != nil {
			return nil, nil, faultOf(err)
		}
		return d.Session, d, nil
	}})
}

// targetOf reads the arguments of a client; those that are others' are left alone.
func targetOf(args map[string]any) (t control.DebugTarget, err error) {
	b, err := json.Marshal(args)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	switch {
	case err != nil:
		return t, &dap.Fault{Code: control.CodeInvalid, Reason: "read what is to be debugged: " + err.Error()}
	case t.Actor == "" && t.Message == "":
		return t, &dap.Fault{Code: control.CodeInvalid, Reason: "it is not said what is to be debugged: give actor, or message"}
	case t.Fork && t.Message != "":
		return t, &dap.Fault{Code: control.CodeInvalid, Reason: "message and fork are two things: a message is run again by itself"}
	case t.Message != "" && t.Key != nil:
		return t, &dap.Fault{Code: control.CodeInvalid, Reason: "a message has its key by itself: leave key out"}
	}
	return t, nil
}

// faultOf is an error as a debugger's client is told it: on one line.
func faultOf(err error) error {
	var known *control.Error
	if !errors.As(err, &known) {
		return err
	}
	f := &dap.Fault{Code: known.Code, Reason: known.Message}
	if known.Next != "" {
		f.Reason = fmt.Sprintf("%s (%s)", known.Message, known.Next)
	}
	return f
}
