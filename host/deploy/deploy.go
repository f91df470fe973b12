// Package deploy makes revisions of services live, and remembers what it did: which
// documents and artifacts, proved by which checks, on whose word. Whether something may
// go live, and how it does, is a Runner's to say; this package holds the order of the
// steps, so that after a crash between any two of them a service is the old one or the
// new one:
//
//  1. The documents are laid out as a folder.
//  2. The runner checks it. What is refused is recorded, and nothing else happens.
//  3. New documents become the service's. Revisions and the deployment are recorded.
//  4. The runner compiles and starts everything that is new.
//  5. The service's live ref is moved: from here on a restart runs the new one.
//  6. The runner switches. Should it fail, the ref is moved back.
//
// Documents that were changed in step 3 for what does not come to run are changed back.
package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
)

// Limits of what is recorded.
const (
	ActorsMax  = 1000     // of a service
	ChecksMax  = 200      // of a deployment
	DetailsMax = 200      // of a check; those after are counted
	TextMax    = 8 << 10  // bytes of a text
	RecordMax  = 16 << 20 // bytes of a deployment as it is kept
)

// Artifact is a module that an actor runs.
type Artifact struct {
	Digest    store.Digest `json:"digest"`
	Size      int64        `json:"size"`               // bytes
	Language  string       `json:"language,omitempty"` // that it was built from
	Signature string       `json:"signature,omitempty"`
	SignedBy  string       `json:"signed_by,omitempty"` // name of the key
}

// Outcome is how a check ended.
type Outcome string

// The outcomes of checks.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped" // there was nothing to check
)

// Check is one thing that was looked at before a deployment.
type Check struct {
	Name    string        `json:"name"` // vet, signatures, compatibility, tests of price, …
	Outcome Outcome       `json:"outcome"`
	Text    string        `json:"text"` // one line: 12 tests passed
	Took    time.Duration `json:"took_ns"`
	Details []Detail      `json:"details,omitempty"`
	More    int           `json:"more,omitempty"` // details that were left out
	// Report is what the check found, for programs.
	Report json.RawMessage `json:"report,omitempty"`
}

// Detail is one finding of a check.
type Detail struct {
	Subject string `json:"subject,omitempty"` // a test, a type, a file
	At      string `json:"at,omitempty"`      // file:line:col
	Text    string `json:"text"`
	Diff    string `json:"diff,omitempty"` // what was expected against what is
}

// Add adds a finding, or counts it when there are enough.
func (c *Check) Add(d Detail) {
	if len(c.Details) >= DetailsMax {
		c.More++
		return
	}
	d.Text, d.Diff = cut(d.Text), cut(d.Diff)
	c.Details = append(c.Details, d)
}

func cut(s string) string {
	if len(s) <= TextMax {
		return s
	}
	return s[:TextMax] + "…"
}

// State is what has become of a deployment.
type State string

// The states of deployments.
const (
	Refused State = "refused" // by a check
	Broken  State = "failed"  // it could not be started; what ran before goes on
	Ready   State = "ready"   // recorded, and not yet or not any more made live
	Live    State = "live"    // it runs
	Past    State = "past"    // it ran
	Tried   State = "tried"   // it has a share of the keys
	// Withdrawn is one that was tried, and did not go live.
	Withdrawn State = "withdrawn"
)

// Deployment is one attempt to make something live.
type Deployment struct {
	Number  int                 `json:"number"` // 1, 2, … within the service
	Service documents.Service   `json:"service"`
	Time    time.Time           `json:"time"`
	By      string              `json:"by"`
	Text    string              `json:"text,omitempty"`   // why
	Commit  string              `json:"commit,omitempty"` // of the git repository that the documents came from
	Change  store.Digest        `json:"change,omitempty"` // of the documents; none for new ones that did not go live
	Tree    store.Digest        `json:"tree"`             // of the documents
	Actors  map[string]Deployed `json:"actors"`
	Checks  []Check             `json:"checks"`
	Forced  string              `json:"forced,omitempty"` // why it went live against its checks
	Before  int                 `json:"before,omitempty"` // the deployment that was live; 0: none
	State   State               `json:"state"`
	Fault   string              `json:"fault,omitempty"` // why it is failed or withdrawn
	Took    time.Duration       `json:"took_ns"`
	Live    time.Time           `json:"live,omitzero"` // when it went live first
	kept    uint64              // revision of its ref
}

// Deployed is what an actor runs in a deployment.
type Deployed struct {
	Revision int `json:"revision"` // of the actor
	Artifact
}

// Failed are the checks that did not pass.
func (d *Deployment) Failed() []Check {
	var list []Check
	for _, c := range d.Checks {
		if c.Outcome == Failed {
			list = append(list, c)
		}
	}
	return list
}

// Revision is an actor as it was at one time: it never changes.
type Revision struct {
	Service    documents.Service `json:"service"`
	Actor      string            `json:"actor"`
	Number     int               `json:"number"` // 1, 2, … within the actor
	Parent     int               `json:"parent,omitempty"`
	Documents  documents.Tree    `json:"documents"` // below actors/NAME, and the types
	Artifact   Artifact          `json:"artifact"`
	Proof      []Check           `json:"proof"` // the checks that are about it
	Time       time.Time         `json:"time"`
	By         string            `json:"by"`
	Commit     string            `json:"commit,omitempty"`
	Deployment int               `json:"deployment"` // that made it
}

// RefusedError is returned for a deployment that its checks do not let through.
type RefusedError struct {
	Deployment Deployment
	Shadow     bool // nothing was to go live, whatever the checks had said
}

// Error implements error.
func (e *RefusedError) Error() string {
	failed := e.Deployment.Failed()
	if len(failed) == 1 {
		return fmt.Sprintf("not deployed: %s: %s", failed[0].Name, failed[0].Text)
	}
	return fmt.Sprintf("not deployed: %d of %d checks failed", len(failed), len(e.Deployment.Checks))
}

// StaleError is returned to who has not seen what is live.
type StaleError struct {
	Live  Deployment
	Seen  int
	Since []documents.Difference // between what they have seen and what is live
}

// Error implements error.
func (e *StaleError) Error() string {
	return fmt.Sprintf("%s has changed: %s made deployment %d live at %s", e.Live.Service, e.Live.By, e.Live.Number, e.Live.Live.UTC().Format(time.RFC3339))
}

// Unwrap returns store.ErrConflict.
func (e *StaleError) Unwrap() error { return store.ErrConflict }

// ErrStart is returned when what was checked could not be started; what ran before goes on.
var ErrStart = errors.New("it could not be started")
