package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/host/secrets"
)

// Secrets is where the secrets of a service come from: the environment, then a folder
// with a file for each, then the host's sealed store. Its methods may be called
// concurrently; each looks anew, so a value that was just set is the one.
type Secrets struct {
	Env    func(name string) (string, bool) // nil: the process's environment
	Folder string                           // "": none
	Sealed *secrets.Sealed                  // nil: none
	Place  secrets.Place                    // whose they are in Sealed
	Log    *slog.Logger                     // of what cannot be read; nil: nobody is told
}

// Where a secret comes from.
const (
	fromEnvironment = "environment"
	fromFile        = "file"
	fromSealed      = "sealed"
)

// Get returns a secret. What cannot be read is not there, and the log says why.
func (s Secrets) Get(name string) (string, bool) {
	value, from, err := s.Find(name)
	if err != nil {
		s.warn(name, err)
	}
	return value, from != ""
}

// Find returns a secret and where it comes from: environment, file or sealed; "" when it is
// nowhere, with an error when it is sealed and cannot be opened.
func (s Secrets) Find(name string) (value, from string, err error) {
	if value, from = s.outside(name); from != "" || s.Sealed == nil {
		return value, from, nil
	}
	b, err := s.Sealed.Get(s.Place, name)
	switch {
	case errors.Is(err, secrets.ErrNotFound):
		return "", "", nil
	case err != nil:
		return "", "", err
	}
	return string(b), fromSealed, nil
}

// From says where a secret that may be in the sealed store is taken from.
func (s Secrets) From(name string) string {
	if _, from := s.outside(name); from != "" {
		return from
	}
	return fromSealed
}

// outside looks where the sealed store is not. The key of that store is no secret of a
// service, wherever it stands.
func (s Secrets) outside(name string) (value, from string) {
	if name == secrets.KeyVariable {
		return "", ""
	}
	env := s.Env
	if env == nil {
		env = os.LookupEnv
	}
	if value, ok := env(name); ok {
		return value, fromEnvironment
	}
	if s.Folder != "" && filepath.Base(name) == name && name[0] != '.' {
		value, err := readSecret(filepath.Join(s.Folder, name))
		if err == nil {
			return value, fromFile
		}
		if !errors.Is(err, os.ErrNotExist) {
			s.warn(name, err)
		}
	}
	return "", ""
}

func (s Secrets) warn(name string, err error) {
	if s.Log != nil {
		s.Log.Error("a secret cannot be read", "name", name, "error", err)
	}
}

// Keep keeps a value that a secret has now, to be hidden when it has another one.
func (s Secrets) Keep(name, value string) error {
	if s.Sealed == nil {
		return nil
	}
	return s.Sealed.Keep(s.Place, name, []byte(value))
}

// readSecret reads a file that holds a secret, without the line break at its end.
func readSecret(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() { // Docker and Kubernetes mount files, or links to them
		return "", errors.New("it is no file")
	}
	b, err := io.ReadAll(io.LimitReader(f, secrets.ValueMax+3))
	if err != nil {
		return "", err
	}
	if b = withoutBreak(b); len(b) > secrets.ValueMax {
		return "", fmt.Errorf("%w: a secret has at most %d bytes", secrets.ErrTooLarge, secrets.ValueMax)
	}
	return string(b), nil
}

// withoutBreak is b without the line break at its end.
func withoutBreak(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

// SecretsOf are those of a service that runs in its folder by itself: the environment's,
// and what is sealed in the folder. Its error says what is wrong with the key that was given.
func SecretsOf(dir, service string) (Secrets, error) {
	sealed, err := sealedOf(filepath.Join(StateDir(dir), "secrets"))
	return Secrets{Sealed: sealed, Place: secrets.Place{Namespace: DefaultNamespace, Service: service}}, err
}

// sealedOf is the sealed store in a folder that a host has.
func sealedOf(dir string) (*secrets.Sealed, error) {
	s, err := secrets.Open(dir, os.Getenv(secrets.KeyVariable), nil)
	if err != nil {
		return nil, &Error{Code: "secret.key", At: secrets.KeyVariable, Err: err, Hint: "give it 32 random bytes in base64, such as: openssl rand -base64 32"}
	}
	return s, nil
}
