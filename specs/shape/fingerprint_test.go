package shape

import (
	"strings"
	"testing"

	"github.com/grow-platform/grow/testdata/property"
	"pgregory.net/rapid"
)

// TestFingerprint: each of these types differs from all others, and is itself
// again when it is read anew.
func TestFingerprint(t *testing.T) {
	seen := map[string]string{}
	for _, def := range []string{
		`_`, `bytes`, `null`, `bool`, `true`, `int`, `number`, `string`, `int & >0`, `int & >=0`, `int & <0`, `number & >0`, `1 | 2`, `1 | 2 | 3`,
		`"a"`, `"a" | "b"`, `*"a" | "b"`, `"a" | *"b"`, `=~"^a"`, `=~"^b"`, `!~"^a"`, `time.Time`, `strings.MinRunes(1)`, `strings.MinRunes(2)`,
		`[]`, `[...int]`, `[...string]`, `[int]`, `[int, ...string]`, `{}`, `{...}`, `{a: int}`, `{a?: int}`, `{a!: int}`, `{b: int}`, `{a: string}`,
		`{a: int, b: int}`, `{[=~"^x"]: int}`, `{[string]: int}`, `#Shape`, `{kind: "circle", r: number} | {kind: "square", r: number}`,
		`{k: "a", v: int} | {k: "b", v: int}`, `{k: "a", v: int} | {k: "c", v: int}`, `int | {a: int}`,
	} {
		print := from(t, def).Fingerprint()
		if other, ok := seen[print]; ok {
			t.Errorf("%s and %s have one fingerprint", def, other)
		}
		seen[print] = def
		if again := from(t, def).Fingerprint(); again != print || len(print) != 16 {
			t.Errorf("%s is %s, then %s", def, print, again)
		}
	}
}

// TestFingerprintOfNested: unions within each other cost no more than they are long.
func TestFingerprintOfNested(t *testing.T) {
	def := "int"
	for range 20 {
		def = `{k: "a", v: ` + def + `} | {k: "b"}`
	}
	if from(t, def).Fingerprint() == from(t, strings.Replace(def, "int", "bool", 1)).Fingerprint() {
		t.Error("what is deepest does not count")
	}
}

func TestFingerprintAgain(t *testing.T) {
	property.Check(t, func(r *rapid.T) {
		def := drawType(r, 3)
		one, err := FromCUE(compile(t, def))
		if err != nil {
			return
		}
		two, err := FromCUE(compile(t, def))
		if err != nil || one.Fingerprint() != two.Fingerprint() {
			r.Errorf("%s: %s and %s, %v", def, one.Fingerprint(), two.Fingerprint(), err)
		}
	})
}
