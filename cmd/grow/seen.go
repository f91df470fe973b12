package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/grow-platform/grow/cmd/grow/app"
)

// seen is what a folder knows of its service on a host: which change of the documents
// was the last one that came from here or came here.
type seen struct {
	Change string `json:"change"`
}

// seenFile keeps what a folder has seen, by host and service.
func seenFile(dir string) string { return filepath.Join(app.StateDir(dir), "hosts.json") }

// seenAt reads what the service in dir has seen of a host; none when it knows of nothing.
func seenAt(dir, key string) (seen, error) {
	all, err := allSeen(dir)
	return all[key], err
}

func allSeen(dir string) (map[string]seen, error) {
	all := map[string]seen{}
	b, err := os.ReadFile(seenFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("read what this folder has seen of its host: %w", err)
	}
	return all, nil
}

// saw keeps what the service in dir has seen of a host.
func saw(dir, key string, now seen) error {
	all, err := allSeen(dir)
	if err != nil {
		return err
	}
	all[key] = now
	b, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.MkdirAll(app.StateDir(dir), 0o755)
	}
	if err == nil {
		err = os.WriteFile(seenFile(dir)+".new", append(b, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(seenFile(dir)+".new", seenFile(dir))
	}
	if err != nil {
		return fmt.Errorf("keep what this folder has seen of its host: %w", err)
	}
	return nil
}
