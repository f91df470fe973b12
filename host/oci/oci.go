// Package oci keeps modules in OCI registries, in the layout for Wasm that the CNCF's
// TAG Runtime describes ("Wasm OCI Artifact layout"): a manifest whose config has the
// media type application/vnd.wasm.config.v0+json, and one layer, the module itself, of
// the type application/wasm. Credentials are those that docker login and its like keep.
package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	spec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// The media types of the layout.
const (
	ConfigType = "application/vnd.wasm.config.v0+json"
	LayerType  = "application/wasm"
)

// Scheme is what references begin with where a file could be meant too.
const Scheme = "oci://"

// signatureKey is the annotation of a layer that holds its signature.
const signatureKey = "dev.grow.signature"

const (
	manifestMax = 1 << 20         // bytes of a manifest, or of a config
	transfer    = 5 * time.Minute // for a module to go or come
)

// Errors of registries.
var (
	// ErrRef is returned for what is no reference.
	ErrRef = errors.New("a reference is oci://REGISTRY/NAME:TAG or oci://REGISTRY/NAME@sha256:DIGEST")
	// ErrNotFound is returned when the registry has nothing of that name.
	ErrNotFound = errors.New("the registry has nothing of that name")
	// ErrDenied is returned when the registry does not allow it.
	ErrDenied = errors.New("the registry does not allow it")
	// ErrLayout is returned for what is no single Wasm module.
	ErrLayout = errors.New("it is not a Wasm module in the layout of the CNCF")
	// ErrTooLarge is returned for a module above the limit.
	ErrTooLarge = errors.New("the module is too large")
)

// Module is a module in a registry.
type Module struct {
	Bytes       []byte
	Annotations map[string]string // org.opencontainers.image.*, of the manifest
	Signature   string            // text of a signature; "": none
	Digest      string            // of the manifest
}

// config is the config of the layout.
type config struct {
	Created      time.Time `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	LayerDigests []string  `json:"layerDigests"`
}

// open returns the repository of a reference, with the credentials that are kept for it.
// A registry on this machine may speak plain HTTP.
func open(ref string) (*remote.Repository, error) {
	name, ok := strings.CutPrefix(ref, Scheme)
	if !ok {
		return nil, fmt.Errorf("%w, not %q", ErrRef, ref)
	}
	r, err := remote.NewRepository(name)
	if err != nil || r.Reference.Reference == "" {
		return nil, fmt.Errorf("%w, not %q", ErrRef, ref)
	}
	r.PlainHTTP = loopback(r.Reference.Host())
	c := &auth.Client{Client: http.DefaultClient, Cache: auth.NewCache()}
	if kept, err := credentials.NewStoreFromDocker(credentials.StoreOptions{}); err == nil {
		c.Credential = credentials.Credential(kept)
	}
	r.Client = c
	return r, nil
}

func loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Push puts a module into a registry under a reference with a tag, and returns the
// digest of its manifest.
func Push(ctx context.Context, ref string, m *Module) (string, error) {
	r, err := open(ref)
	if err != nil {
		return "", err
	}
	if r.Reference.ValidateReferenceAsTag() != nil {
		return "", fmt.Errorf("%w; what is published needs a tag", ErrRef)
	}
	ctx, cancel := context.WithTimeout(ctx, transfer)
	defer cancel()
	layer, err := oras.PushBytes(ctx, r, LayerType, m.Bytes)
	if err != nil {
		return "", fault("publish", err)
	}
	if m.Signature != "" {
		layer.Annotations = map[string]string{signatureKey: m.Signature}
	}
	created := m.Annotations[spec.AnnotationCreated]
	at, err := time.Parse(time.RFC3339, created)
	if err != nil {
		at = time.Unix(0, 0).UTC() // the same module is the same artifact
	}
	b, err := json.Marshal(config{Created: at, Architecture: "wasm", OS: "wasip1", LayerDigests: []string{layer.Digest.String()}})
	if err != nil {
		return "", fmt.Errorf("describe module: %w", err)
	}
	about, err := oras.PushBytes(ctx, r, ConfigType, b)
	if err != nil {
		return "", fault("publish", err)
	}
	annotations := map[string]string{spec.AnnotationCreated: at.Format(time.RFC3339)}
	maps.Copy(annotations, m.Annotations)
	manifest, err := oras.PackManifest(ctx, r, oras.PackManifestVersion1_1, "", oras.PackManifestOptions{ConfigDescriptor: &about, Layers: []spec.Descriptor{layer}, ManifestAnnotations: annotations})
	if err == nil {
		err = r.Tag(ctx, manifest, r.Reference.Reference)
	}
	if err != nil {
		return "", fault("publish", err)
	}
	return manifest.Digest.String(), nil
}

// Pull gets a module of at most limit bytes. What arrives is held against the digests
// that lead to it.
func Pull(ctx context.Context, ref string, limit int64) (*Module, error) {
	r, err := open(ref)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, transfer)
	defer cancel()
	found, raw, err := fetchManifest(ctx, r)
	if err != nil {
		return nil, fault("get module", err)
	}
	var m spec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("%w: read its manifest: %w", ErrLayout, err)
	}
	if m.Config.MediaType != ConfigType || len(m.Layers) != 1 || m.Layers[0].MediaType != LayerType {
		return nil, fmt.Errorf("%w: its config is of type %q, and it has %d layers", ErrLayout, m.Config.MediaType, len(m.Layers))
	}
	layer := m.Layers[0]
	if layer.Size > limit || layer.Size < 0 {
		return nil, fmt.Errorf("%w: it has %d bytes; at most %d are read", ErrTooLarge, layer.Size, limit)
	}
	if layer.Digest.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("%w: its digest is no sha256", ErrLayout)
	}
	b, err := content.FetchAll(ctx, r.Blobs(), layer)
	if err != nil {
		return nil, fault("get module", err)
	}
	return &Module{Bytes: b, Annotations: m.Annotations, Signature: layer.Annotations[signatureKey], Digest: found.Digest.String()}, nil
}

func fetchManifest(ctx context.Context, r *remote.Repository) (d spec.Descriptor, raw []byte, err error) {
	d, body, err := r.FetchReference(ctx, r.Reference.Reference)
	if err != nil {
		return d, nil, err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if d.Size > manifestMax {
		return d, nil, fmt.Errorf("%w: its manifest has %d bytes", ErrLayout, d.Size)
	}
	raw, err = content.ReadAll(io.LimitReader(body, manifestMax+1), d)
	return d, raw, err
}

// fault says what a registry's error comes to.
func fault(doing string, err error) error {
	var answer *errcode.ErrorResponse
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("%s: %w", doing, ErrNotFound)
	case errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden):
		return fmt.Errorf("%s: %w: %w", doing, ErrDenied, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
