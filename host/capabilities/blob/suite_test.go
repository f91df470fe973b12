package blob

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/capability/capabilitytest"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/specs"
)

// TestSuite: blob is a capability like others.
func TestSuite(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		store := &object.Memory{}
		b, err := store.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"})
		if err == nil {
			_, err = b.Write(t.Context(), &object.Write{Key: "eu/a", Data: []byte("1")})
		}
		if err != nil {
			t.Fatal(err)
		}
		count, last := 0, ""
		away := capability.Environment{Namespace: "main", Service: "shop", Objects: broken{errors.New("nats://hidden: lost")}}
		return capabilitytest.Subject{
			Kind: "blob", Params: map[string]any{"bucket": "photos", "access": "write", "prefix": "eu/"},
			Environment: capability.Environment{Namespace: "main", Service: "shop", Objects: store},
			Read:        capabilitytest.Request{Operation: Get, Attrs: []string{"key", "eu/a", "range", "0-9"}},
			Change:      capabilitytest.Request{Operation: Put, Attrs: []string{"key", "eu/b"}, Data: []byte("2")},
			Count: func() int {
				if i, err := b.Stat(t.Context(), "eu/b"); err == nil && i.Revision != last {
					count, last = count+1, i.Revision
				}
				return count
			},
			Denied: capabilitytest.Request{Operation: Get, Attrs: []string{"key", "us/a"}},
			Large:  capabilitytest.Request{Operation: Put, Attrs: []string{"key", "eu/c"}, Data: make([]byte, object.PartMax+1)},
			Away:   &away, Secrets: []string{"hidden"},
		}
	})
}

// TestSuiteS3: and so it is with buckets on S3.
func TestSuiteS3(t *testing.T) {
	capabilitytest.Run(t, func(t *testing.T) capabilitytest.Subject {
		var changes atomic.Int32 // of eu/b, whose revision stays when its bytes do
		env := outside(s3test.Serve(t, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, "/photos/eu/b") {
				changes.Add(1)
			}
			return false
		}))
		c, err := kind{}.Open(t.Context(), specs.Grant{Params: onS3()}, env)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		if got := ask(t.Context(), c, "m0/1", Put, "1", "key", "eu/a"); !strings.HasPrefix(got, "size 1 revision ") {
			t.Fatal(got)
		}
		away := outside("s3+http://who:hidden@127.0.0.1:1/grow")
		return capabilitytest.Subject{
			Kind: "blob", Params: onS3(), Environment: env,
			Read:   capabilitytest.Request{Operation: Get, Attrs: []string{"key", "eu/a", "range", "0-9"}},
			Change: capabilitytest.Request{Operation: Put, Attrs: []string{"key", "eu/b"}, Data: []byte("2")},
			Count:  func() int { return int(changes.Load()) },
			Denied: capabilitytest.Request{Operation: Get, Attrs: []string{"key", "us/a"}},
			Large:  capabilitytest.Request{Operation: Put, Attrs: []string{"key", "eu/c"}, Data: make([]byte, object.PartMax+1)},
			Away:   &away, Secrets: []string{"hidden"},
		}
	})
}

func onS3() map[string]any {
	return map[string]any{"bucket": "photos", "access": "write", "prefix": "eu/", "server": "archive"}
}

// outside is where an S3 server is known.
func outside(address string) capability.Environment {
	return capability.Environment{Namespace: "main", Service: "shop", Secret: func(name string) (string, bool) { return address, name == "GROW_S3_ARCHIVE" }}
}

// TestStranger: what an actor is told when the host has the wrong key, or none.
func TestStranger(t *testing.T) {
	c, err := kind{}.Open(t.Context(), specs.Grant{Params: onS3()}, outside(strings.Replace(s3test.Serve(t, nil), "who", "somebody", 1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, op := range []string{Stat, Get, Put, Delete, List} {
		want := "denied: the server of bucket photos does not let the host in: see key and secret in GROW_S3_ARCHIVE"
		if got := ask(t.Context(), c, "m/1", op, "x", "key", "eu/a"); got != want {
			t.Errorf("%s: %s, want %s", op, got, want)
		}
	}
	nowhere := outside("")
	nowhere.Secret = func(string) (string, bool) { return "", false }
	if _, err := (kind{}).Open(t.Context(), specs.Grant{Params: onS3()}, nowhere); err == nil || !strings.Contains(err.Error(), "GROW_S3_ARCHIVE") {
		t.Errorf("without a secret: %v", err)
	}
}

// broken is a bucket whose server says something.
type broken struct{ err error }

func (b broken) Objects(context.Context, bucket.Name) (object.Bucket, error) { return b, nil }
func (b broken) Stat(context.Context, string) (object.Info, error)           { return object.Info{}, b.err }
func (b broken) Part(context.Context, *object.Part) error                    { return b.err }
func (b broken) Write(context.Context, *object.Write) (object.Info, error) {
	return object.Info{}, b.err
}
func (b broken) List(context.Context, string, string, int) ([]object.Info, error) { return nil, b.err }
func (b broken) Read(context.Context, string, string, object.Range) (object.Info, []byte, error) {
	return object.Info{}, nil, b.err
}

// TestTidies: a grant that writes to a server has what uploads have left there removed, from when
// it opens until it closes; one that reads, or a copy that stands apart, leaves it.
func TestTidies(t *testing.T) {
	looked := make(chan string, 10)
	address := s3test.Serve(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("uploads") {
			looked <- r.URL.Query().Get("prefix")
		}
		return false
	})
	env := capability.Environment{Namespace: "main", Service: "shop", Secret: func(name string) (string, bool) { return address, name == "GROW_S3_MAIN" }}
	begin := func(access string, apart bool) capability.Capability {
		t.Helper()
		env := env
		env.Apart = apart
		c, err := kind{}.Open(t.Context(), specs.Grant{Name: "g", Kind: "blob", Params: map[string]any{"bucket": "photos", "server": "main", "access": access}}, env)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for _, c := range []capability.Capability{begin("read", false), begin("write", true)} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(looked) != 0 {
		t.Error("uploads are looked for by who writes nothing")
	}
	c := begin("write", false)
	if prefix := <-looked; prefix != "eu/objects/main/shop/photos/" {
		t.Errorf("uploads are looked for at %s", prefix)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
