package command

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/grow-platform/grow/cmd/grow/notice"
	"github.com/grow-platform/grow/compiler/python/interpreter"
)

// says is what a command prints, and its exit code.
func says(args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	code = execute(args, strings.NewReader(""), &o, &e)
	return o.String(), e.String(), code
}

// TestLicenses prints what the binary of this test contains: the runtime, and of the Go
// modules that they are missing.
func TestLicenses(t *testing.T) {
	if _, err := interpreter.Find(); err != nil {
		t.Skip(err)
	}
	out, _, _ := says("licenses")
	for _, want := range []string{"CPython 3.13.", "\n\nmusl\n====\n", "PYTHON SOFTWARE FOUNDATION LICENSE"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in what grow licenses prints", want)
		}
	}
	out, _, _ = says("licenses", "ZLIB")
	if !strings.HasPrefix(out, "zlib 1:1.3") || !strings.Contains(out, "Mark Adler") || strings.Contains(out, "CPython") {
		t.Errorf("of zlib: %s", out)
	}
	out, _, _ = says("licenses", "zlib", "-o", "json")
	var list []notice.License
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Name != "zlib" || !strings.HasPrefix(list[0].Version, "1:1.3") {
		t.Errorf("%+v, %v", list, err)
	}
	_, all := notice.All()
	_, errs, code := says("licenses", "nothing-like-it")
	if all == nil && (code != exitNotFound || !strings.Contains(errs, `nothing that is named "nothing-like-it"`)) || all != nil && (code != exitFailed || !strings.Contains(errs, "make build")) {
		t.Errorf("of nothing: exit code %d, %s", code, errs)
	}
}

// TestVersionOfPython: what the runtime was made of can differ from machine to machine.
func TestVersionOfPython(t *testing.T) {
	versions, err := interpreter.Versions()
	if err != nil {
		t.Skip(err)
	}
	out, _, code := says("version")
	if code != exitDone || !regexp.MustCompile(`\nPython actors run on python3\.13 3\.13\.\S+, zlib 1:1\.3\S+, ziglang \S+\n$`).MatchString(out) || !strings.Contains(out, versions) {
		t.Errorf("grow version: exit code %d, %s", code, out)
	}
}
