package dap

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/google/go-dap"
)

// read hands on what a client sends, until it sends nothing more, what cannot be
// told apart, or ctx ends.
func read(ctx context.Context, conn io.Reader, requests chan<- incoming) {
	limited := &io.LimitedReader{R: conn}
	r := bufio.NewReader(limited)
	for {
		limited.N = HeaderMax + MessageMax
		m, err := next(r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if limited.N > 0 {
				return
			}
			err = dap.ErrHeaderContentTooLong
		}
		var framing *dap.BaseProtocolError
		last := errors.As(err, &framing)
		if err != nil && m == nil && !last && !decoding(err) {
			return // the connection is gone
		}
		select {
		case requests <- incoming{m, err}:
		case <-ctx.Done():
			return
		}
		if last {
			return
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
