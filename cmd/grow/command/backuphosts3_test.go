package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/outside/s3"
	"github.com/grow-platform/grow/host/outside/s3/s3test"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/tidwall/gjson"
)

// TestBackupHostS3: a backup of a whole host goes to a server that speaks S3 and comes back, what
// has not changed is not sent again, and what lies there is read again when that is asked for.
func TestBackupHostS3(t *testing.T) {
	h := newHosted(t)
	b := newBook(t)
	b.Setenv("GROW_S3_CELLAR", s3test.Serve(t, nil))
	t.Chdir(b.dir)
	h.golive(map[string]string{"book": "ledger"})
	b.post(h.URL(), "alice")
	const at = "s3://cellar/whole"
	first := gjson.Get(h.run(exitDone, "backup --all "+at+" --verify -o json"), "sent").Int()
	again := gjson.Get(h.run(exitDone, "backup --all "+at+" -o json"), "sent").Int()
	if first < 5 || again > first/2 {
		t.Errorf("the first backup sent %d files, the same again %d", first, again)
	}
	h.run(exitDone, "backup s3://cellar/book")
	for place, line := range map[string]string{"of a service": "backup --all s3://cellar/book", "of a host": "backup " + at} {
		if out := h.run(exitNo, line+" -o json"); gjson.Get(out, "error.code").String() != app.CodeBackupForeign {
			t.Errorf("to a backup %s: %s", place, out)
		}
	}
	before := b.show(h.URL(), "alice")
	h.stop()
	dir := filepath.Join(t.TempDir(), "fresh")
	h.run(exitDone, "restore "+at+" "+dir)
	h.options.Data = dir
	h.start()
	if got := b.show(h.URL(), "alice"); got != before {
		t.Errorf("before %s, after %s", before, got)
	}

	cellar, err := s3.Open("cellar", os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	defer cellar.Close()
	files, err := cellar.Files("backups/whole")
	if err != nil {
		t.Fatal(err)
	}
	text, err := files.Get(t.Context(), archive.ManifestName)
	if err != nil {
		t.Fatal(err)
	}
	file := gjson.GetBytes(text, `files.#(name="services/main/kept/manifest.json")`)
	if err := files.Put(t.Context(), "data/"+file.Get("sha256").String(), make([]byte, file.Get("size").Int())); err != nil {
		t.Fatal(err)
	}
	out := h.run(exitNo, "restore "+at+" "+filepath.Join(t.TempDir(), "x")+" -o json")
	if gjson.Get(out, "error.code").String() != app.CodeBackupDamaged || !strings.Contains(out, "main/kept") {
		t.Errorf("a manifest that was changed: %s", out)
	}
}
