package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"regexp"

	"github.com/grow-platform/grow/runtime/object"
	"github.com/minio/minio-go/v7"
)

// errLying is an answer that is not one to what was asked for.
var errLying = errors.New("the server answers what it was not asked for")

// errChanged is an object that is another one than the one that was looked at.
var errChanged = errors.New("the server has another object than it said")

// errAway is a server that cannot be reached, or has trouble of its own.
var errAway = errors.New("the server does not answer")

// fault is what a server's error means, without what the server says: that may name keys and
// hosts.
type fault struct {
	does string // what was tried
	says string // S3's code of the error; "": none
	is   error
}

// Error implements error.
func (f *fault) Error() string {
	text := f.does + ": " + f.is.Error()
	if f.says != "" {
		text += " (" + f.says + ")"
	}
	return text
}

// Unwrap returns what it means: an error of runtime/object, of context or of this package.
func (f *fault) Unwrap() error { return f.is }

// coded is what a code of S3 looks like. What does not is not repeated.
var coded = regexp.MustCompile(`^[A-Za-z]{1,60}$`)

// meaning is what an error of the client means; nil stays nil.
func meaning(does string, err error) error {
	if err == nil {
		return nil
	}
	f := &fault{does: does, is: errAway}
	if former := (*fault)(nil); errors.As(err, &former) {
		return former // of a part that was to be sent on
	}
	var said minio.ErrorResponse
	var certificate *tls.CertificateVerificationError
	var network net.Error
	switch {
	case errors.As(err, &certificate):
		f.is = errors.New("the server has a certificate that is not trusted")
	case errors.Is(err, errEndless):
		f.is = errEndless
	case errors.Is(err, errLying):
		f.is = errLying
	case errors.Is(err, errChanged):
		f.is = errChanged
	case errors.Is(err, object.ErrNoUpload):
		f.is = object.ErrNoUpload
	case errors.Is(err, context.Canceled):
		f.is = context.Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		f.is = context.DeadlineExceeded
	case errors.As(err, &said):
		if coded.MatchString(said.Code) {
			f.says = said.Code
		}
		f.is = answered(&said)
	}
	return f
}

// answered is what S3's answer means.
func answered(e *minio.ErrorResponse) error {
	switch e.Code {
	case minio.NoSuchBucket:
		return errAway
	case minio.NoSuchKey:
		return object.ErrNotFound
	case minio.PreconditionFailed, "ConditionalRequestConflict":
		return object.ErrConflict
	case "QuotaExceeded", "XMinioAdminBucketQuotaExceeded", "XMinioStorageFull":
		return object.ErrFull
	case "EntityTooLarge":
		return object.ErrTooLarge
	case "RequestTimeout":
		return context.DeadlineExceeded
	}
	switch e.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return object.ErrDenied
	case http.StatusNotFound:
		return object.ErrNotFound
	case http.StatusPreconditionFailed:
		return object.ErrConflict
	case http.StatusInsufficientStorage:
		return object.ErrFull
	}
	return errAway
}
