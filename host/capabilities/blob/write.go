package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/grow-platform/grow/runtime/capability"
	"github.com/grow-platform/grow/runtime/object"
)

// listDefault is how many objects a list has at most when nothing else is said.
const listDefault = 100

// listMax is how many bytes a list has about at most: an answer takes no more.
const listMax = 512 << 10

// listed is an object in a list.
type listed struct {
	Key      string `json:"key"`
	Size     int64  `json:"size"`
	Revision string `json:"revision"`
	Digest   string `json:"digest,omitempty"`
	Modified int64  `json:"modified,omitempty"` // milliseconds since 1970
	Damaged  bool   `json:"damaged,omitempty"`  // it cannot be read what it is: it has a key alone
}

// page is a list of objects as JSON: as many of the first as there is room for.
func page(found []object.Info) ([]byte, error) {
	all := []byte{'['}
	for i := range found {
		o := &found[i]
		one, err := json.Marshal(listed{o.Key, o.Size, o.Revision, o.Digest, max(o.Modified.UnixMilli(), 0), o.Damaged})
		if err != nil {
			return nil, err
		}
		if len(all)+len(one) > listMax {
			break
		}
		if i > 0 {
			all = append(all, ',')
		}
		all = append(all, one...)
	}
	return append(all, ']'), nil
}

// part keeps a part of an object.
func (o *opened) part(ctx context.Context, key, number string, r *capability.Request) (a capability.Answer, err error) {
	p := &object.Part{Key: key, Data: r.Data}
	if p.Number, err = strconv.Atoi(number); err != nil {
		return a, wrong("part %.40q is not a number", number)
	}
	if _, ok := r.Attr("if_revision"); ok {
		return a, wrong("a part has no if_revision: it goes with parts, the last request of an upload")
	}
	upload, ok := r.Attr("upload")
	if !ok {
		upload = uploadOf(r.Stable, key)
	}
	p.Upload = upload
	if err := o.bucket.Part(ctx, p); err != nil {
		return a, err
	}
	return capability.Answer{Attrs: []string{"upload", upload}}, nil
}

// uploadBytes is how much of a digest names an upload.
const uploadBytes = 16

// uploadOf is the name of the upload that begins with a request: the same at every attempt,
// and none that another message has.
func uploadOf(stable, key string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "upload %q %q", stable, key))
	return hex.EncodeToString(sum[:uploadBytes])
}

// write is what blob.put and blob.delete ask for.
func (o *opened) write(key string, r *capability.Request) (*object.Write, error) {
	w := &object.Write{Key: key, Delete: r.Operation == Delete, Most: o.Size}
	if !w.Delete {
		w.Data = r.Data
		upload, begun := r.Attr("upload")
		parts, ends := r.Attr("parts")
		if begun != ends || begun && upload == "" {
			return nil, wrong("an upload ends with upload and parts, the number of them")
		}
		if begun {
			n, err := strconv.Atoi(parts)
			if err != nil {
				return nil, wrong("parts %.40q is not a number", parts)
			}
			w.Upload, w.Parts = upload, n
		}
	}
	if expected, ok := r.Attr("if_revision"); ok {
		w.If = &expected
	}
	w.Once = once(w, r.Stable)
	return w, nil
}

// once names what a write is done for. As with kv, a later attempt at a message that writes
// something else by the same number has not been answered, but one with if_revision has.
func once(w *object.Write, stable string) string {
	of := fmt.Appendf(nil, "%q %t %q", stable, w.Delete, w.Key)
	if w.If == nil {
		of = fmt.Appendf(of, " %q %d %x", w.Upload, w.Parts, sha256.Sum256(w.Data))
	} else {
		of = append(of, " if"...)
	}
	sum := sha256.Sum256(of)
	return hex.EncodeToString(sum[:])
}
