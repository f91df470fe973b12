package command

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/outside/s3"
	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/tidwall/gjson"
)

// TestBackupS3: a backup goes to a server that speaks S3 and comes back, what has not changed
// is not sent again, and one that is cut leaves the one before it whole and is gone on with.
func TestBackupS3(t *testing.T) {
	var puts, cutAfter atomic.Int64
	cutAfter.Store(-1)
	b := newBook(t)
	b.Setenv("GROW_S3_CELLAR", s3test.Serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut {
			return false
		}
		if n := cutAfter.Load(); n >= 0 && puts.Load() >= n {
			panic(http.ErrAbortHandler)
		}
		puts.Add(1)
		return false
	}))
	const at = "s3://cellar/books/kept"
	sent := func() int64 { // by one backup
		t.Helper()
		out, _ := ranGrow(t, "grow backup "+at+" -C "+b.dir+" -o json", exitDone)
		return gjson.Get(out, "sent").Int()
	}
	b.fails("grow restore "+at+" "+b.dir, app.CodeBackupForeign)
	var first, again, last int64
	b.serve("", func(url string) {
		b.post(url, "alice")
		first = sent()
		again = sent()
		b.post(url, "alice")
		puts.Store(0)
		cutAfter.Store(0)
		b.fails("grow backup "+at+" -C "+b.dir, app.CodeBackupServer)
		cutAfter.Store(-1)
	})
	if first < 5 || again != 0 {
		t.Errorf("the first backup sent %d files, the same again %d", first, again)
	}
	here := filepath.Join(b.dir, ".grow")
	if err := os.RemoveAll(here); err != nil {
		t.Fatal(err)
	}
	ranGrow(t, "grow restore "+at+" "+b.dir, exitDone) // the one before that which was cut
	b.serve("", func(url string) {
		if got := b.show(url, "alice"); strings.Count(got, "alice") != 1 {
			t.Errorf("after a backup that was cut: %s", got)
		}
		b.post(url, "bob")
		puts.Store(0)
		cutAfter.Store(1) // in the middle
		b.fails("grow backup "+at+" -C "+b.dir, app.CodeBackupServer)
		cutAfter.Store(-1)
		last = sent()
	})
	if last >= first {
		t.Errorf("the last backup sent %d files, the first %d", last, first)
	}
	b.fails("grow restore "+at+" "+b.dir, app.CodeRestoreTarget)
	ranGrow(t, "grow restore "+at+" "+b.dir+" --replace", exitDone)
	b.serve("", func(url string) {
		if got := b.show(url, "bob"); strings.Count(got, "bob") != 1 {
			t.Errorf("after the last backup: %s", got)
		}
	})

	// What lies there is read again when that is asked for, and by a restore.
	ranGrow(t, "grow backup "+at+" --verify -C "+b.dir, exitDone)
	cellar, err := s3.Open("cellar", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer cellar.Close()
	files, err := cellar.Files("backups/books/kept")
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := files.Get(t.Context(), archive.ManifestName)
	if err != nil {
		t.Fatal(err)
	}
	change := func(name string, data []byte) {
		t.Helper()
		if err := files.Put(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		old, new string
		code     string
	}{
		"another version": {`"format": 3`, `"format": 4`, app.CodeBackupFormat},
		"another service": {`"service": "kept"`, `"service": "other"`, app.CodeBackupForeign},
	} {
		change(archive.ManifestName, bytes.Replace(manifest, []byte(c.old), []byte(c.new), 1))
		if e := b.fails("grow backup "+at+" -C "+b.dir, c.code); e.Message == "" {
			t.Errorf("%s: %+v", what, e)
		}
		b.fails("grow restore "+at+" "+b.dir+" --replace", c.code)
	}
	change(archive.ManifestName, manifest)
	file := gjson.GetBytes(manifest, "files.0")
	change("data/"+file.Get("sha256").String(), make([]byte, file.Get("size").Int()))
	b.fails("grow backup "+at+" --verify -C "+b.dir, app.CodeBackupDamaged)
	if e := b.fails("grow restore "+at+" "+b.dir+" --replace", app.CodeBackupDamaged); !strings.Contains(e.Message, file.Get("name").String()) {
		t.Errorf("a file that was changed: %s", e.Message)
	}

	for _, at := range []string{"s3://cellar", "s3://Cellar/x", "s3://cellar/a/../b", "s3://unknown/x"} {
		if _, errs := ranGrow(t, "grow backup "+at+" -C "+b.dir, exitUnreachable); strings.Contains(errs, s3test.Hidden) {
			t.Errorf("%s tells the secret: %s", at, errs)
		}
	}
	b.Setenv("GROW_S3_DENIED", strings.Replace(os.Getenv("GROW_S3_CELLAR"), "who:", "nobody:", 1))
	if _, errs := ranGrow(t, "grow backup s3://denied/x -C "+b.dir, exitUnreachable); strings.Contains(errs, s3test.Hidden) {
		t.Errorf("the error tells the secret: %s", errs)
	}
}
