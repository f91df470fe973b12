package interpreter

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// stringsDriver holds the runtime's own functions against those of the C library, for
// all places in a word and all lengths over several of them.
const stringsDriver = `#include <string.h>
#include <stdio.h>
size_t own_strlen(const char *); char *own_strchr(const char *, int); char *own_strncpy(char *restrict, const char *restrict, size_t);

int main(void) {
    _Alignas(8) static char text[96], a[96], b[96];
    for (size_t at = 0; at < 16; at++)
        for (size_t n = 0; n < 40; n++) {
            for (size_t i = 0; i < sizeof text; i++) text[i] = (char)(i * 37 % 255 + 1);
            text[at + n] = 0;
            const char *t = text + at;
            if (own_strlen(t) != n) return printf("strlen at %zu of %zu\n", at, n), 1;
            for (int c = -128; c < 256; c++)
                if (own_strchr(t, c) != strchr(t, c)) return printf("strchr at %zu of %zu: %d\n", at, n, c), 1;
            for (size_t max = 0; max < 48; max++) {
                memset(a, '-', sizeof a), memset(b, '-', sizeof b);
                if (own_strncpy(a + 3, t, max) != a + 3) return 1;
                strncpy(b + 3, t, max);
                if (memcmp(a, b, sizeof a)) return printf("strncpy at %zu of %zu: %zu\n", at, n, max), 1;
            }
        }
    return 0;
}
`

// TestStrings: the functions that the runtime has in place of Zig's.
func TestStrings(t *testing.T) {
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("there is no C compiler")
	}
	dir := t.TempDir()
	driver, own := filepath.Join(dir, "driver.c"), filepath.Join(dir, "own.o")
	if err := os.WriteFile(driver, []byte(stringsDriver), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{
		{cc, "-O2", "-fno-builtin", "-DPLAIN=", "-Dstrlen=own_strlen", "-Dstrchr=own_strchr", "-Dstrncpy=own_strncpy", "-c", "recipe/runtime/strings.c", "-o", own},
		{cc, "-O1", "-fno-builtin", driver, own, "-o", filepath.Join(dir, "driver")},
		{filepath.Join(dir, "driver")},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, out)
		}
	}
}
