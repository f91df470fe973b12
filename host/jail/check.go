package jail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// Measure is one thing that holds workers, or does not on this system.
type Measure struct {
	Name  string `json:"name"`
	Holds bool   `json:"holds"`
	Note  string `json:"note,omitempty"` // how much of it, or why not
}

// Report is what holds workers on this system.
type Report []Measure

// String is the report in one line: "seccomp yes, landlock no, …".
func (r Report) String() string {
	words := make([]string, len(r))
	for i, m := range r {
		answer := "no"
		if m.Holds {
			answer = "yes"
		}
		words[i] = m.Name + " " + answer
	}
	return strings.Join(words, ", ")
}

// Tight reports whether a worker that runs hostile code can reach neither files
// nor the network nor other programs.
func (r Report) Tight() bool {
	for _, m := range r {
		if m.Name == measureSeccomp {
			return m.Holds
		}
	}
	return false
}

// The measures there are.
const (
	measureLimits     = "limits"
	measureMemory     = "memory"
	measurePrivileges = "no new privileges"
	measureSeccomp    = "seccomp"
	measureLandlock   = "landlock"
	measureNamespaces = "namespaces"
	measureParent     = "ends with its parent"
)

// roleCheck tells what holds it, and ends.
const roleCheck = "check"

func init() {
	Register(roleCheck, func(_ context.Context, conn Conn) error {
		if err := json.NewEncoder(conn).Encode(held); err != nil {
			return fmt.Errorf("tell what holds: %w", err)
		}
		return conn.Close()
	})
}

// Check starts a worker and has it tell what holds it.
func Check(ctx context.Context) (Report, error) {
	p, err := Start(ctx, Options{Role: roleCheck, Limits: Limits{MemoryMax: 512 << 20, CPUMax: time.Minute}})
	if err != nil {
		return nil, err
	}
	text, readErr := io.ReadAll(io.LimitReader(p.Conn(), 64<<10))
	if err := p.Wait(); err != nil {
		return nil, err
	}
	if readErr != nil {
		return nil, fmt.Errorf("ask a worker what holds it: %w", readErr)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("ask a worker what holds it: %w", err)
	}
	return r, nil
}
