// Package webhooks finds the real payloads of GitHub webhooks that tests and
// benchmarks send: those of npm's @octokit/webhooks-examples. They are fetched
// by `make setup` into the user's cache and are no part of this repository.
package webhooks

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Version is the release of the npm package that tests rely on, and Count how
// many payloads it holds for api.github.com.
const (
	Version = "7.6.1"
	Count   = 329
)

// digest is the SHA-256 of the payload file of Version: another file would
// make tests count other things, so it is refused rather than used.
const digest = "09d8f0c617876ae9dad22e26fea5510bfcaad50ee7e602659f6db25b87b25815"

// Payload is one webhook as GitHub sends it.
type Payload struct {
	Event  string // value of X-GitHub-Event: "issues"
	Action string // the body's own "action"; "" when it has none
	Name   string // unique, the same in every run: "issues/opened-3"
	Body   []byte // the JSON document, without white space as on the wire
}

// Payloads returns all payloads in the order of the package, freshly read each
// time. It looks in the folder that GROW_WEBHOOKS names, and without that
// variable where `make setup` puts them. Its error names the command to run.
func Payloads() ([]Payload, error) {
	dir, err := folder()
	if err != nil {
		return nil, fmt.Errorf("find webhook payloads: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("find webhook payloads in %s: not there: run `make setup`, or name their folder in GROW_WEBHOOKS: %w", dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read webhook payloads: %w", err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("read webhook payloads: %s is not the file of @octokit/webhooks-examples %s: remove it and run `make setup`", filepath.Join(dir, "index.json"), Version)
	}
	return decode(data)
}

func folder() (string, error) {
	if dir := os.Getenv("GROW_WEBHOOKS"); dir != "" {
		return dir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "grow", "webhooks", Version), nil
}

func decode(data []byte) ([]Payload, error) {
	var events []struct {
		Name     string            `json:"name"`
		Examples []json.RawMessage `json:"examples"`
	}
	if err := json.Unmarshal(data, &events); err != nil {
		return nil, fmt.Errorf("read webhook payloads: %w", err)
	}
	var all []Payload
	for _, event := range events {
		for i, example := range event.Examples {
			var head struct {
				Action string `json:"action"`
			}
			if err := json.Unmarshal(example, &head); err != nil {
				return nil, fmt.Errorf("read webhook payloads: %s, example %d: %w", event.Name, i, err)
			}
			var body bytes.Buffer
			if err := json.Compact(&body, example); err != nil {
				return nil, fmt.Errorf("read webhook payloads: %s, example %d: %w", event.Name, i, err)
			}
			what := strings.TrimPrefix(head.Action+"-", "-")
			all = append(all, Payload{
				Event: event.Name, Action: head.Action,
				Name: fmt.Sprintf("%s/%s%d", event.Name, what, i), Body: body.Bytes(),
			})
		}
	}
	return all, nil
}
