// Package s3 keeps buckets of objects on servers outside that speak S3.
//
// An object lies at PREFIX/objects/NAMESPACE/SERVICE/BUCKET/KEY, with _ for SERVICE when the
// bucket is one of a namespace, so that other clients find it. Beside it, under PREFIX/parts,
// wait the parts of objects that are not made yet, and PREFIX/notes says what became of former
// writes. Tidy removes parts that nobody makes an object of any more; a rule of the S3 bucket
// removes notes.
package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// SecretPrefix and a server's name in capitals is the secret that says where it is:
// s3://KEY:SECRET@HOST:PORT/BUCKET/PREFIX?region=REGION&ca=FILE, or s3+http:// without TLS.
const SecretPrefix = "GROW_S3_"

// Limits.
const (
	connectTime    = 5 * time.Second
	answerTime     = 20 * time.Second // until an answer begins
	callMax        = 30 * time.Second // of one request, with its answer
	makeMax        = 15 * time.Minute // of the request that makes an object of its parts
	bodyMax        = 4 << 20          // bytes of an answer
	headersMax     = 64 << 10         // bytes of an answer's headers
	connectionsMax = 8                // to the server, of one grant
	prefixMax      = 200              // bytes of PREFIX: S3 takes keys of 1024
)

// regionDefault is what most servers that are not Amazon's take.
const regionDefault = "us-east-1"

// Secret is the name of the secret that says where a server is.
func Secret(server string) string { return SecretPrefix + strings.ToUpper(server) }

// Store implements object.Store on an S3 bucket. It is safe for concurrent use; who opens it
// closes it.
type Store struct {
	core      minio.Core
	transport *http.Transport
	bucket    string
	prefix    string // "", or it ends with /
}

// Open makes a client of a server by its name. One that is not there is tried again when
// something is asked of it. No error says what is in the secret.
func Open(server string, secret func(string) (string, bool)) (*Store, error) {
	key := Secret(server)
	text, ok := secret(key)
	if !ok {
		return nil, &capability.SecretError{Name: key, Of: "server " + server}
	}
	wrong := func(what string) error {
		return fmt.Errorf("server %s: the secret %s is not the address of an S3 bucket: %s; it is s3://KEY:SECRET@HOST/BUCKET", server, key, what)
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil || u.Scheme != "s3" && u.Scheme != "s3+http" || u.Hostname() == "" || u.Fragment != "" {
		return nil, wrong("it cannot be read")
	}
	password, _ := u.User.Password()
	if u.User.Username() == "" || password == "" {
		return nil, wrong("it has no key or no secret")
	}
	name, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if s3utils.CheckValidBucketName(name) != nil {
		return nil, wrong("no bucket can be named so")
	}
	if prefix != "" && (len(prefix) > prefixMax || object.CheckKey(prefix) != nil) {
		return nil, wrong("no key can begin so")
	}
	if prefix != "" {
		prefix += "/"
	}
	roots, region, err := settings(u.Query())
	if err != nil {
		return nil, wrong(err.Error())
	}
	s := &Store{bucket: name, prefix: prefix, transport: &http.Transport{
		DialContext:     (&net.Dialer{Timeout: connectTime}).DialContext,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, TLSHandshakeTimeout: connectTime, ForceAttemptHTTP2: true,
		ResponseHeaderTimeout: answerTime, MaxResponseHeaderBytes: headersMax,
		MaxConnsPerHost: connectionsMax, MaxIdleConnsPerHost: connectionsMax, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(u.User.Username(), password, ""), Secure: u.Scheme == "s3", Region: region,
		Transport: &bounded{s.transport}, BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	if err != nil {
		return nil, wrong("no server can be named so")
	}
	s.core = minio.Core{Client: client}
	return s, nil
}

// settings reads what follows ? in an address. Its errors say nothing of the values.
func settings(list url.Values) (roots *x509.CertPool, region string, err error) {
	region = regionDefault
	for option, values := range list {
		switch {
		case len(values) != 1:
			return nil, "", fmt.Errorf("an option is given twice")
		case option == "region" && values[0] != "":
			region = values[0]
		case option == "ca":
			pem, err := os.ReadFile(values[0])
			if roots = x509.NewCertPool(); err != nil || !roots.AppendCertsFromPEM(pem) {
				return nil, "", fmt.Errorf("the file that ca names holds no certificate that can be read")
			}
		default:
			return nil, "", fmt.Errorf("it has an option that is neither region=REGION nor ca=FILE")
		}
	}
	return roots, region, nil
}

// Close ends the connections. Buckets must not be used any more.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Objects implements object.Store. The server is not asked.
func (s *Store) Objects(ctx context.Context, n bucket.Name) (object.Bucket, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	service := n.Service
	if service == "" {
		service = "_" // no service is named so
	}
	below := func(what string) string {
		return s.prefix + what + "/" + n.Namespace + "/" + service + "/" + n.Bucket + "/"
	}
	return &objects{Store: s, objects: below("objects"), parts: below("parts"), notes: below("notes"), now: time.Now, large: largeMin, piece: pieceSize}, ctx.Err()
}
