package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	bodyMax     = 3 << 20          // bytes of a request: a message's data in base64
	requestTime = 10 * time.Second // for a request to come in
	reachTime   = time.Second
	closeTime   = time.Second // for answers under way to end
	socketMax   = 100         // bytes of a socket's path; the kernel takes 107
	infoFile    = "control.json"
	socketFile  = "control.sock"
	lockFile    = "control.lock"
	tempPrefix  = "grow-" // of the folder of a socket whose path would be too long
)

// Place is what a running host leaves in the service's folder: where it is.
type Place struct {
	Socket    string    `json:"socket"`
	PID       int       `json:"pid"`
	URL       string    `json:"url"`     // of the service's endpoints
	Control   string    `json:"control"` // URL of the control API, which needs a token
	Namespace string    `json:"namespace"`
	Service   string    `json:"service"`
	Started   time.Time `json:"started"`
}

// Server serves a host's control socket.
type Server struct {
	dir      string // the host's folder in the service's
	socket   string
	temp     string // folder of the socket, when it is not dir
	lock     io.Closer
	listener net.Listener
	server   *http.Server
	cancel   context.CancelFunc
	done     chan error
	closed   sync.Once
}

// Listen opens the socket of the service whose host keeps its own files in
// dir, and has h answer there until Close; p says where else the host is, and
// which service it has. It fails with an *Error of code run.already when a host
// of this service is running.
func Listen(dir string, h http.Handler, p Place, log *slog.Logger) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the host's folder: %w", err)
	}
	if err := Running(dir); err != nil {
		return nil, err
	}
	held, err := lock(filepath.Join(dir, lockFile))
	if errors.Is(err, errLocked) {
		return nil, &Error{Code: CodeRunning, Message: "the service is being started or stopped by another process", At: dir, Next: "look again in a moment: grow status"}
	}
	if err != nil {
		return nil, fmt.Errorf("lock the host's folder: %w", err)
	}
	s := &Server{dir: dir, socket: filepath.Join(dir, socketFile), lock: held, done: make(chan error, 1)}
	if err := s.open(p); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.server = &http.Server{
		Handler: h, ReadHeaderTimeout: requestTime, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() { s.done <- s.server.Serve(s.listener) }() // ends with Close
	return s, nil
}

// errLocked: another process has the lock.
var errLocked = errors.New("locked by another process")

// Running returns an *Error of code run.already when a host that keeps its own
// files in dir is running, nil when none is.
func Running(dir string) error {
	i, err := read(dir)
	if err != nil || reach(i) != nil {
		return nil // none that could be reached; the lock tells the rest
	}
	return &Error{
		Code: CodeRunning, Message: fmt.Sprintf("the service is running already: process %d serves %s", i.PID, i.URL), At: dir,
		Next: fmt.Sprintf("stop it with Ctrl-C where it runs, or: kill %d", i.PID),
	}
}

// open makes the socket, which only its owner may open, and says where it is.
// What a host that is gone has left is removed.
func (s *Server) open(p Place) error {
	if old, err := read(s.dir); err == nil {
		clearTemp(old)
	}
	if len(s.socket) > socketMax {
		temp, err := os.MkdirTemp("", tempPrefix)
		if err != nil {
			return fmt.Errorf("make a folder for the control socket: %w", err)
		}
		s.temp, s.socket = temp, filepath.Join(temp, socketFile)
	}
	if err := os.Remove(s.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the socket of a host that is gone: %w", err)
	}
	l, err := listenPrivate(s.socket)
	if err != nil {
		return fmt.Errorf("open control socket: %w", err)
	}
	s.listener = l
	if err := s.announce(p); err != nil {
		return errors.Join(fmt.Errorf("say where the control socket is: %w", err), l.Close())
	}
	return nil
}

// announce writes the file that clients look for, whole or not at all.
func (s *Server) announce(p Place) error {
	p.Socket, p.PID, p.Started = s.socket, os.Getpid(), time.Now()
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, infoFile)
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// clearTemp removes the folder that a socket outside of the service's folder was
// in. What stands in the file may be anybody's word: nothing but a socket of
// that name in a folder of that name is touched.
func clearTemp(i Place) {
	temp := filepath.Dir(i.Socket)
	name := filepath.Base(temp)
	if filepath.Base(i.Socket) != socketFile || len(name) < len(tempPrefix) || name[:len(tempPrefix)] != tempPrefix {
		return
	}
	_ = os.Remove(i.Socket) // rubbish that stays does no harm
	_ = os.Remove(temp)
}

func (s *Server) remove() error {
	err := os.Remove(filepath.Join(s.dir, infoFile))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if s.temp != "" {
		err = errors.Join(err, os.RemoveAll(s.temp))
	}
	return errors.Join(err, s.lock.Close())
}

// Close ends what is under way and removes the socket. Calls after the first
// do nothing.
func (s *Server) Close() (err error) {
	s.closed.Do(func() {
		s.cancel() // ends those who follow the log
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if err = s.server.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
			err = s.server.Close()
		}
		if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
			err = errors.Join(err, served)
		}
		err = errors.Join(err, s.remove())
	})
	return err
}

func read(dir string) (Place, error) {
	var i Place
	b, err := os.ReadFile(filepath.Join(dir, infoFile))
	if err != nil {
		return i, err
	}
	return i, json.Unmarshal(b, &i)
}

// reach reports whether somebody answers at the socket, by an error.
func reach(i Place) error {
	c, err := net.DialTimeout("unix", i.Socket, reachTime)
	if err != nil {
		return err
	}
	_ = c.Close() // nothing was sent
	return nil
}

// partTime is how long a client may take to read a value of a stream: whoever stops reading holds
// up nobody for longer.
const partTime = time.Minute

// Lines answers with a value a line, each at once, and an error as the last one.
func Lines[T any](w http.ResponseWriter, serve func(emit func(T) error) error) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := encoder(w)
	flush := http.NewResponseController(w)
	if err := flush.Flush(); err != nil {
		return
	}
	defer func() { _ = flush.SetWriteDeadline(time.Time{}) }() // for the next answer
	err := serve(func(v T) error {
		if err := flush.SetWriteDeadline(time.Now().Add(partTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if err := out.Encode(v); err != nil {
			return err
		}
		return flush.Flush()
	})
	if err != nil {
		_ = out.Encode(map[string]*Error{"error": asError(err)}) // the client may be gone
	}
}

func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	limit := http.NewResponseController(w)
	err := limit.SetReadDeadline(time.Now().Add(requestTime))
	var b []byte
	if err == nil {
		b, err = io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMax))
	}
	if err == nil {
		err = limit.SetReadDeadline(time.Time{}) // the answer may take its time
	}
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if a, ok := into.(interface{ act() *Act }); ok {
		a.act().by(r.Context())
	}
	if err != nil {
		fail(w, &Error{Code: CodeInvalid, Message: "read request: " + err.Error()})
	}
	return err == nil
}

func answer[T any](w http.ResponseWriter, serve func() (T, error)) {
	v, err := serve()
	if err != nil {
		fail(w, asError(err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = encoder(w).Encode(v) // the client may be gone
}

// encoder leaves <, > and & in a message's data as they are.
func encoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}

func fail(w http.ResponseWriter, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status())
	_ = encoder(w).Encode(map[string]*Error{"error": e}) // the client may be gone
}

// Status is the HTTP status that an error is told with.
func (e *Error) Status() int {
	switch e.Code {
	case CodeNotFound, CodeREPLEnded:
		return http.StatusNotFound
	case CodeInvalid, CodeREPLLanguage:
		return http.StatusBadRequest
	case CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case CodeConflict, CodeDebugBusy:
		return http.StatusConflict
	case CodePermission:
		return http.StatusForbidden
	case CodeTimeout:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
