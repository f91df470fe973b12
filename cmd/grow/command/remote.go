package command

import (
	"cmp"
	"errors"
	"os"
	"regexp"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/pflag"
)

// target is the host and the service on it that a command is for.
type target struct {
	host      string // URL; "": GROW_HOST, and without that the host that runs in the folder
	ca        string // file of the host's authority
	namespace string
	service   string // "": that of the folder
}

// The environment that names a host.
const (
	envHost  = "GROW_HOST"
	envToken = "GROW_TOKEN"
	envCA    = "GROW_CA"
)

// codeNoHost is the code of a command for a host that none was named for.
const codeNoHost = "host.none"

func (t *target) flags(f *pflag.FlagSet) {
	f.StringVar(&t.host, "host", "", "work with the host at this `URL`, not with the one in the folder; so does "+envHost)
	f.StringVar(&t.ca, "host-ca", "", "`file` of certificates, in PEM, that the host's is signed by; so does "+envCA)
	t.namespace = app.DefaultNamespace
	f.Var((*label)(&t.namespace), "namespace", "`namespace` of the service on the host")
	f.Var((*label)(&t.service), "service", "`name` of the service on the host; that of the folder when not given")
}

// label is the name of a namespace or of a service, as a host takes it: an empty one, of a
// variable that is not set, say, would lead elsewhere.
type label string

var labelled = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// String implements pflag.Value.
func (l *label) String() string { return string(*l) }

// Type implements pflag.Value.
func (l *label) Type() string { return "string" }

// Set implements pflag.Value.
func (l *label) Set(text string) error {
	if !labelled.MatchString(text) {
		return errors.New("a name has small letters, digits and -, a letter first, and at most 63 of them")
	}
	*l = label(text)
	return nil
}

// named is the host that a command was given; "" for none.
func (t *target) named() string {
	if t.host != "" {
		return t.host
	}
	return os.Getenv(envHost)
}

// platform is the host that services are deployed to: the one named, or else the one that
// runs in the folder.
func (s *shell) platform() (*api.Client, error) {
	at := s.target.named()
	if at == "" {
		c, _, err := s.local()
		switch {
		case isCode(err, codeNoService):
			return nil, &control.Error{Code: codeNoHost, Message: "no host is named, and this is no folder of a service that runs", Next: "go to the folder of one, or name a host: --host URL, or export " + envHost}
		case isCode(err, control.CodeNotRunning):
			return nil, &control.Error{Code: control.CodeNotRunning, Message: "no host is named, and none is running for this folder", Next: "start it: grow run; or name a host: --host URL, or export " + envHost}
		}
		return c, err
	}
	token := strings.TrimSpace(os.Getenv(envToken))
	if token == "" {
		return nil, &control.Error{Code: control.CodePermission, Message: "there is no token for the host", At: at, Next: "export " + envToken + "=...; a host prints its first one when it starts, and more are made by: grow token create NAME"}
	}
	o := api.ClientOptions{URL: at, Token: token}
	file := s.target.ca
	if file == "" {
		file = os.Getenv(envCA)
	}
	if file != "" {
		var err error
		if o.CA, err = os.ReadFile(file); err != nil {
			return nil, &control.Error{Code: control.CodeNotFound, Message: "read the certificates of the host's authority: " + err.Error(), At: file}
		}
	}
	return api.NewClient(o)
}

// remote is the service on a named host that a command is for. The caller closes the
// client.
func (s *shell) remote() (*api.Client, *api.Remote, error) {
	c, err := s.platform()
	if err != nil {
		return nil, nil, err
	}
	name, err := s.serviceName()
	if err != nil {
		c.Close()
		return nil, nil, err
	}
	return c, c.At(s.target.namespace, name), nil
}

// serviceName is the name of the service that a command is for: the one given, or that
// of the folder, by which it runs there.
func (s *shell) serviceName() (string, error) {
	if s.target.service != "" {
		return s.target.service, nil
	}
	if s.target.named() == "" {
		if c, at, err := s.local(); err == nil {
			c.Close()
			return at.Service, nil
		}
	}
	dir, err := s.folder(nil)
	if err != nil {
		var missing *control.Error
		if errors.As(err, &missing) && missing.Code == codeNoService {
			missing.Next = "name the service: --service NAME; or go to its folder"
		}
		return "", err
	}
	service, _, err := app.Outline(dir)
	if err != nil {
		return "", err
	}
	return service.Name, nil
}

// host is what a command asks of a running service: the one named on a host, or else
// the one that runs in the folder.
func (s *shell) host() (*control.Client, error) {
	if s.target.named() != "" {
		_, r, err := s.remote()
		if err != nil {
			return nil, err
		}
		return r.Client, nil
	}
	c, at, err := s.local()
	if err != nil {
		return nil, err
	}
	return c.At(s.target.namespace, cmp.Or(s.target.service, at.Service)).Client, nil
}
