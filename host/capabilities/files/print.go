package files

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Limits of what a grant covers; what is more makes no other revision when it changes.
const (
	PrintFilesMax = 10_000
	PrintBytesMax = 256 << 20
)

// Print implements capability.Printer: it is another when a file has changed that the grant
// covers.
func (kind) Print(params map[string]any, documents string) string {
	g, err := form.Read(params)
	if err != nil {
		return ""
	}
	root, err := os.OpenRoot(documents)
	if err != nil {
		return ""
	}
	defer root.Close() // it was only read
	sum := sha256.New()
	files, left := 0, int64(PrintBytesMax)
	for _, p := range g.Paths {
		_ = fs.WalkDir(root.FS(), p, func(name string, e fs.DirEntry, err error) error { // what cannot be read is told to who reads it
			if err != nil || hidden(name) || !e.Type().IsRegular() {
				return nil
			}
			if files++; files > PrintFilesMax || left <= 0 {
				return fs.SkipAll
			}
			f, err := root.Open(name)
			if err != nil {
				return nil
			}
			fmt.Fprintf(sum, "%q ", name)
			n, _ := io.Copy(sum, io.LimitReader(f, left)) // likewise
			left -= n
			return f.Close()
		})
	}
	return hex.EncodeToString(sum.Sum(nil)[:6])
}
