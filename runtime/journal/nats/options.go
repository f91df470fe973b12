package nats

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	client "github.com/nats-io/nats.go"
)

// Limits and defaults of a store.
const (
	AppendTimeoutDefault = 5 * time.Second  // after it the outcome of an append is unknown
	CallTimeoutDefault   = 10 * time.Second // of one call of the server
	ReserveDefault       = 64 << 20         // bytes of the disk that are left free
	ReadAhead            = 4 << 20          // bytes that one Read has the server send ahead
	ReadersMax           = 8                // reads of a store at one time; others wait
	probeEvery           = time.Second
	probeMax             = 2 * time.Second // how long the disk may take for 4 KiB, in
	probeSteps           = 10              // steps that are waited for one after the other
	strikesMax           = 3               // appends without an answer within strikesSpan make a store unhealthy
	strikesSpan          = 10 * time.Second
	stopMax              = 10 * time.Second // how long stopping the server may take
	startMax             = 5 * time.Minute  // how long it may take to start: it reads the journal
	overhead             = 4 << 10          // bytes of a message that are not the record
)

// Options say where a store keeps its journals: exactly one of Dir and URL.
type Options struct {
	// Dir is the data folder of a server inside this process.
	Dir string
	// Reserve is how many bytes of Dir's disk are left free; 0: ReserveDefault.
	Reserve int64

	// URL is an external server, nats:// or tls://, several separated by commas.
	URL string
	// At most one kind of credentials.
	User, Password string
	Token          string
	NKeyFile       string // file of a seed
	CredsFile      string // file of a JWT and a seed
	// For TLS: files in PEM.
	CAFile            string // whom to trust instead of the system's
	CertFile, KeyFile string // who we are
	Replicas          int    // of everything kept there; 0: 1

	// Restore names what Make and MakeBucket make on a server until [Store.Settle], so that
	// what a restore leaves that was broken off is known as its own; "": they name nothing.
	Restore string

	AppendTimeout time.Duration // 0: AppendTimeoutDefault
	CallTimeout   time.Duration // 0: CallTimeoutDefault
	Log           *slog.Logger  // nil: slog.Default
}

// fill checks the options and puts in defaults.
func (o *Options) fill() error {
	if (o.Dir == "") == (o.URL == "") {
		return errors.New("a store of journals needs a data folder or the URL of a server, and not both")
	}
	kinds := 0
	for _, given := range []bool{o.User != "" || o.Password != "", o.Token != "", o.NKeyFile != "", o.CredsFile != ""} {
		if given {
			kinds++
		}
	}
	if kinds > 1 {
		return errors.New("a store of journals takes one kind of credentials: user and password, token, nkey or credentials file")
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		return errors.New("a client certificate needs its key, and a key its certificate")
	}
	if o.Replicas < 0 || o.Replicas > 5 {
		return fmt.Errorf("%d replicas: 1 to 5 are possible", o.Replicas)
	}
	o.Replicas = max(o.Replicas, 1)
	if o.Reserve == 0 {
		o.Reserve = ReserveDefault
	}
	if o.AppendTimeout == 0 {
		o.AppendTimeout = AppendTimeoutDefault
	}
	if o.CallTimeout == 0 {
		o.CallTimeout = CallTimeoutDefault
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}

// client is what the options say to the connection of an external server.
func (o *Options) client() ([]client.Option, error) {
	var list []client.Option
	switch {
	case o.User != "" || o.Password != "":
		list = append(list, client.UserInfo(o.User, o.Password))
	case o.Token != "":
		list = append(list, client.Token(o.Token))
	case o.NKeyFile != "":
		key, err := client.NkeyOptionFromSeed(o.NKeyFile)
		if err != nil {
			return nil, fmt.Errorf("read nkey: %w", err)
		}
		list = append(list, key)
	case o.CredsFile != "":
		list = append(list, client.UserCredentials(o.CredsFile))
	}
	if o.CAFile != "" {
		list = append(list, client.RootCAs(o.CAFile))
	}
	if o.CertFile != "" {
		list = append(list, client.ClientCert(o.CertFile, o.KeyFile))
	}
	return list, nil
}
