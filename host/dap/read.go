package dap

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/google/go-dap"
)

// read hands on what a client sends, until ctx ends, messages cannot be told apart,
// or the client is gone. What gives up others is not handed on, but cancel called with it.
func read(ctx context.Context, conn io.Reader, requests chan<- incoming, cancel func(*dap.CancelRequest)) (gone bool) {
	limited := &io.LimitedReader{R: conn}
	r := bufio.NewReader(limited)
	for {
		limited.N = HeaderMax + MessageMax
		m, err := next(r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if limited.N > 0 {
				return true
			}
			err = dap.ErrHeaderContentTooLong
		}
		var framing *dap.BaseProtocolError
		last := errors.As(err, &framing)
		if err != nil && m == nil && !last && !decoding(err) {
			return true
		}
		if r, ok := m.(*dap.CancelRequest); ok && err == nil {
			cancel(r)
			continue
		}
		select {
		case requests <- incoming{m, err}:
		case <-ctx.Done():
			return false
		}
		if last {
			return false
		}
	}
}

// undecoded is an error of a message's content, behind which others can follow.
type undecoded struct{ error }

func (u undecoded) Unwrap() error { return u.error }

func decoding(err error) bool {
	var u undecoded
	return errors.As(err, &u)
}

// next reads one message. With an error, it is the request whose arguments are at
// fault, or nil.
func next(r *bufio.Reader) (dap.Message, error) {
	content, err := dap.ReadBaseMessage(r)
	if err != nil {
		return nil, err
	}
	m, err := dap.DecodeProtocolMessage(content)
	if err != nil {
		return m, undecoded{err}
	}
	return m, nil
}
