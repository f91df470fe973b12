package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/grow-platform/grow/runtime/object/objecttest"
)

// at opens a store by an address.
func at(t *testing.T, address string) *Store {
	t.Helper()
	s, err := Open("main", func(name string) (string, bool) { return address, name == "GROW_S3_MAIN" })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve starts a server, and returns a bucket on it.
func serve(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) *objects {
	t.Helper()
	return photos(t, at(t, s3test.Serve(t, before)))
}

func photos(t *testing.T, s *Store) *objects {
	t.Helper()
	b, err := s.Objects(t.Context(), bucket.Name{Namespace: "main", Service: "shop", Bucket: "photos"})
	if err != nil {
		t.Fatal(err)
	}
	return b.(*objects)
}

func TestObjects(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Store { return serve(t, nil).Store })
}

// TestAddresses: what a secret may say, and what is wrong with others. No error repeats it.
func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"s3://k:s@example.com/bucket":                        "",
		"s3://k:s@example.com:9000/bucket/a/b?region=x":      "",
		"s3+http://k:s@127.0.0.1:9000/bucket":                "",
		"http://k:hidden@h/bucket":                           "cannot be read",
		"s3://k:hidden@/bucket":                              "cannot be read",
		"s3://k:hid%zz-hidden@h/bucket":                      "cannot be read",
		"s3://hidden@h/bucket":                               "no secret",
		"s3://k:hidden@h/":                                   "no bucket can be named so",
		"s3://k:hidden@h/bucket/a//b":                        "no key can begin so",
		"s3://k:hidden@h/bucket/" + strings.Repeat("x", 201): "no key can begin so",
		"s3://k:hidden@h/bucket?region=a&region=b":           "twice",
		"s3://k:hidden@h/bucket?hidden=1":                    "neither region",
		"s3://k:hidden@h/bucket?ca=/hidden":                  "no certificate",
	} {
		s, err := Open("main", func(string) (string, bool) { return text, true })
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err == nil && s.Close() != nil {
			t.Error("it does not close")
		}
	}
	if _, err := Open("main", func(string) (string, bool) { return "", false }); err == nil || !strings.Contains(err.Error(), "GROW_S3_MAIN") {
		t.Errorf("without a secret: %v", err)
	}
}

// TestTLS: the certificate counts, and ca says whose does.
func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(s3test.Handler(t, nil))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of who does not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	address := "s3://who:hidden@" + server.Listener.Addr().String() + "/grow"
	if _, err := photos(t, at(t, address)).Stat(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("of a stranger: %v", err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pemOf(server.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := photos(t, at(t, address+"?ca="+file)).Stat(t.Context(), "a"); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("of one that is trusted: %v", err)
	}
}

// every asks a bucket for everything, and returns what it says of each.
func every(ctx context.Context, o *objects) map[string]error {
	all := map[string]error{"part": o.Part(ctx, &object.Part{Key: "a", Upload: "u", Number: 1, Data: []byte("x")})}
	_, all["stat"] = o.Stat(ctx, "a")
	_, _, all["read"] = o.Read(ctx, "a", "", object.Range{Length: 9})
	_, all["list"] = o.List(ctx, "", "", 9)
	_, all["write"] = o.Write(ctx, &object.Write{Key: "a", Data: []byte("x"), Once: "m1"})
	_, all["remove"] = o.Write(ctx, &object.Write{Key: "a", Delete: true})
	_, all["make"] = o.Write(ctx, &object.Write{Key: "a", Upload: "u", Parts: 1})
	return all
}

// TestFaults: what each trouble of a server is, and that no error has what is secret.
func TestFaults(t *testing.T) {
	says := func(status int, code string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "application/xml")
			w.Header().Set("x-minio-error-code", code)
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>hidden</Message><Key>hidden</Key></Error>", code)
			return true
		}
	}
	for name, c := range map[string]struct {
		before func(http.ResponseWriter, *http.Request) bool
		want   error
	}{
		"refused":   {says(403, "SignatureDoesNotMatch"), object.ErrDenied},
		"unknown":   {says(500, "hidden 127.0.0.1"), errAway},
		"no bucket": {says(404, "NoSuchBucket"), errAway},
		"full":      {says(507, "XMinioStorageFull"), object.ErrFull},
		"busy":      {says(503, "SlowDown"), errAway},
		"elsewhere": {says(301, "PermanentRedirect"), errAway},
		"late":      {says(400, "RequestTimeout"), context.DeadlineExceeded},
		"hangs up":  {func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }, errAway},
	} {
		for op, err := range every(t.Context(), serve(t, c.before)) {
			if !errors.Is(err, c.want) || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "127.0.0.1") {
				t.Errorf("%s: %s: %v, want %v", name, op, err, c.want)
			}
		}
	}
	o := serve(t, nil)
	stranger := photos(t, at(t, strings.Replace(s3test.Address(o.core.EndpointURL().Host), "who", "somebody", 1)))
	for op, err := range every(t.Context(), stranger) {
		if !errors.Is(err, object.ErrDenied) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("a stranger's %s: %v", op, err)
		}
	}
}

// TestAway: a server that goes away is missed, and used again when it is back.
func TestAway(t *testing.T) {
	handler := s3test.Handler(t, nil)
	server := httptest.NewServer(handler)
	host := server.Listener.Addr().String()
	o := photos(t, at(t, s3test.Address(host)))
	if _, err := o.Write(t.Context(), &object.Write{Key: "a", Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	server.Close()
	for op, err := range every(t.Context(), o) {
		if !errors.Is(err, errAway) || strings.Contains(err.Error(), host) {
			t.Errorf("%s of one that is away: %v", op, err)
		}
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	back := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}}
	back.Start()
	t.Cleanup(back.Close)
	if _, data, err := o.Read(t.Context(), "a", "", object.Range{Length: 9}); err != nil || string(data) != "x" {
		t.Errorf("when it is back: %q %v", data, err)
	}
}
