package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/grow-platform/grow/runtime/journal/nats"
)

// losses writes all that a repair goes on without to a file in the data folder, an
// entry a line, and returns its path; "" when nothing is known to be lost. Without the file
// nothing is to be repaired.
func (r *FsckReport) losses(ctx context.Context, s *nats.Salvage) (path string, err error) {
	if !slices.ContainsFunc(r.Journals, func(j FsckJournal) bool { return j.LostFrom > 0 }) {
		return "", nil
	}
	path = filepath.Join(r.Folder, "lost-"+time.Now().UTC().Format("20060102T150405.000")+".jsonl")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", fmt.Errorf("write down what is lost: %w", err)
	}
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for i := range r.Journals {
		j := &r.Journals[i]
		if err == nil && j.LostFrom > 0 {
			err = archive.Losses(ctx, s.Journal(j.name), j.LostFrom, func(l *archive.Loss) error {
				return lines.Encode(struct {
					Journal string `json:"journal"`
					*archive.Loss
				}{j.Journal, l})
			})
		}
	}
	if err = errors.Join(err, w.Flush(), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write down what is lost: %w", err), os.Remove(path))
	}
	return path, nil
}
