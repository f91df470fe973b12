package sql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Statements of the host's own.
const (
	beginRead  = "begin read only"
	beginWrite = "begin read write"
	commit     = "commit"
	rollback   = "rollback"
	// unlock takes back locks, which outlive transactions, also those that come to nothing.
	unlock = "select pg_advisory_unlock_all()"
)

var (
	// undo ends a transaction that has only read: what it has set for the connection is gone then.
	undo = []string{unlock, rollback}
	// resets take back what a statement may have set for the connection, before others use it. They
	// set nothing: the connection may be a pooler's, which shares the server's with others.
	resets = []string{"reset role", "reset all", "discard temp", unlock}
	// own are those that are prepared on a connection. By its name what is prepared can be done by
	// a function that an actor has made: none of them ends or begins a transaction.
	own = resets
)

// Limits of the statements of actors that stay prepared on a connection: how many there are,
// and how many bytes the text of one has.
const (
	keptMax   = 100
	keptBytes = 4 << 10
)

// session is a connection with what is known of it.
type session struct {
	*pgx.Conn
	clean bool                           // no statement of an actor has been on it since resets
	keeps bool                           // statements stay prepared
	ready bool                           // those of the host are
	adds  bool                           // so is the one that adds to the inbox
	kept  []*pgconn.StatementDescription // of actors, the one used last at the end
	count int                            // of all that were prepared for actors
}

// sessionKey is where a connection has it.
const sessionKey = "grow.session"

// sessionOf is what is known of a connection.
func (p *postgresEngine) sessionOf(c *pgx.Conn) *session {
	data := c.PgConn().CustomData()
	s, ok := data[sessionKey].(*session)
	if !ok {
		s = &session{Conn: c, keeps: p.keeps}
		data[sessionKey] = s
	}
	return s
}

// named is what a prepared statement of the host is called.
func named(text string) string { return "grow_own_" + strconv.Itoa(slices.Index(own, text)) }

// prepare has the connection be as it was at first, and the host's statements be prepared.
func (s *session) prepare(ctx context.Context) error {
	if s.keeps && !s.ready {
		p := s.PgConn().StartPipeline(ctx)
		for _, text := range own {
			p.SendPrepare(named(text), text, nil)
		}
		if err := errors.Join(p.Sync(), p.Close()); err != nil {
			return err
		}
		s.ready = true
	}
	if s.clean {
		return nil
	}
	err := s.tell(ctx, resets...)
	s.clean = err == nil
	return err
}

// stays reports whether a statement stays prepared.
func (s *session) stays(text string) bool { return s.keeps && len(text) <= keptBytes }

// find is where a statement that has stayed prepared is among those; -1: it has not.
func (s *session) find(text string) int {
	return slices.IndexFunc(s.kept, func(k *pgconn.StatementDescription) bool { return k.SQL == text })
}

// read has the server read a text as one statement. It stays prepared until others have taken its
// place, or, if it is not one to stay, until the next is read.
func (s *session) read(ctx context.Context, text string) (*pgconn.StatementDescription, error) {
	if !s.stays(text) {
		return s.PgConn().Prepare(ctx, "", text, nil)
	}
	if i := s.find(text); i >= 0 {
		of := s.kept[i]
		s.kept = append(slices.Delete(s.kept, i, i+1), of)
		return of, nil
	}
	if len(s.kept) == keptMax {
		if err := s.forget(ctx, 1); err != nil {
			return nil, err
		}
	}
	s.count++
	of, err := s.PgConn().Prepare(ctx, "grow_"+strconv.Itoa(s.count), text, nil)
	if err == nil {
		s.kept = append(s.kept, of)
	}
	return of, err
}

// forget has the n statements that were used before the others stay prepared no longer.
func (s *session) forget(ctx context.Context, n int) error {
	p := s.PgConn().StartPipeline(ctx)
	for _, of := range s.kept[:n] {
		p.SendDeallocate(of.Name)
	}
	s.kept = slices.Delete(s.kept, 0, n)
	return errors.Join(p.Sync(), p.Close())
}

// say sends statements of the host's own along, one by one.
func (s *session) say(p *pgconn.Pipeline, texts ...string) {
	for _, text := range texts {
		if s.ready && slices.Contains(own, text) {
			p.SendQueryPrepared(named(text), nil, nil, nil)
		} else {
			p.SendQueryParams(text, nil, nil, nil, nil)
		}
	}
}

// tell has some be done, by one message.
func (s *session) tell(ctx context.Context, texts ...string) error {
	p := s.PgConn().StartPipeline(ctx)
	s.say(p, texts...)
	return errors.Join(p.Sync(), p.Close())
}

// heard reads what came of a statement that was sent along.
func heard(p *pgconn.Pipeline) (pgconn.CommandTag, error) {
	r, err := next(p)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return r.Close()
}

// next is the answer to the next statement that was sent.
func next(p *pgconn.Pipeline) (*pgconn.ResultReader, error) {
	got, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	if got == nil { // it said that it ends
		return nil, io.ErrUnexpectedEOF
	}
	r, ok := got.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("the server answered with a %T", got)
	}
	return r, nil
}

// leave undoes what was done in a transaction that has not ended. Where the connection is
// lost, the server does.
func (s *session) leave() {
	if s.IsClosed() || s.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), cancelTime)
	defer cancel()
	if err := s.tell(ctx, rollback, unlock); err != nil {
		_ = s.Close(ctx)
	}
}
