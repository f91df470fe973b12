package python

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The files that say what an actor depends on, beside main.py.
const (
	requirementsName = "requirements.txt" // written by the user
	lockName         = "requirements.lock"
)

// RequirementsMax is the size of the largest requirements.txt, in bytes.
const RequirementsMax = 256 << 10

// requirement is a line of requirements.txt.
type requirement struct {
	Name string // normalised; "" for an option
	Line int
}

// lineFault is a line of requirements.txt that cannot be used.
type lineFault struct {
	line int
	text string
}

var (
	requirementForm = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*([<>=!~;@].*|\(.*)?$`)
	optionsTaken    = regexp.MustCompile(`^(--index-url|--extra-index-url|-i|--find-links|-f|--no-index|--trusted-host|--pre|--prefer-binary)\b`)
	trailingComment = regexp.MustCompile(`(^|\s)#.*$`)
)

// parseRequirements reads the names of requirements.txt. What they may be is for
// pip to say; what an actor cannot have is refused here: code that is not a wheel
// of an index, and files that the lock would not notice to change.
func parseRequirements(data []byte) ([]requirement, *lineFault) {
	var all []requirement
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		at, line := i+1, lines[i]
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + lines[i]
		}
		line = strings.TrimSpace(trailingComment.ReplaceAllString(line, ""))
		switch {
		case line == "":
		case optionsTaken.MatchString(line):
			all = append(all, requirement{Line: at})
		case strings.HasPrefix(line, "-r"), strings.HasPrefix(line, "--requirement"), strings.HasPrefix(line, "-c"), strings.HasPrefix(line, "--constraint"):
			return nil, &lineFault{at, "another file is named: write its lines here, so that the lock holds all that is asked for"}
		case strings.HasPrefix(line, "-e"), strings.HasPrefix(line, "--editable"), strings.HasPrefix(line, "."), strings.HasPrefix(line, "/"):
			return nil, &lineFault{at, "a folder is named: put its modules beside main.py, or name a package of the index"}
		case strings.HasPrefix(line, "-"):
			return nil, &lineFault{at, "no option that is known here: " + strings.Fields(line)[0]}
		default:
			m := requirementForm.FindStringSubmatch(line)
			if m == nil || strings.HasPrefix(m[3], "@") {
				return nil, &lineFault{at, "not the name of a package with a version, such as attrs>=24: " + line}
			}
			all = append(all, requirement{normal(m[1]), at})
		}
	}
	return all, nil
}

// pin is a package in the lock.
type pin struct {
	Name    string // normalised
	Version string
	Digest  string // SHA-256 of the wheel in hex
	Partly  bool   // its native part is left out
}

// lock is what requirements.lock says.
type lock struct {
	For  string // digest of the requirements.txt that it satisfies
	Pins []pin  // by name
}

const (
	lockHead  = "# Made by grow from requirements.txt, for Python " + Version + ": commit it. It is made anew when that file changes.\n"
	lockFor   = "# requirements sha256:"
	lockPart  = "# The next one's native part is left out.\n"
	hashStart = " --hash=sha256:"
)

// digestOf is the digest of a requirements.txt in its lock: of its lines, however
// they end.
func digestOf(requirements []byte) string {
	sum := sha256.Sum256(bytes.ReplaceAll(requirements, []byte("\r\n"), []byte("\n")))
	return hex.EncodeToString(sum[:])
}

// Bytes writes the lock as pip reads it.
func (l lock) Bytes() []byte {
	var b bytes.Buffer
	b.WriteString(lockHead + lockFor + l.For + "\n")
	for _, p := range l.Pins {
		if p.Partly {
			b.WriteString(lockPart)
		}
		fmt.Fprintf(&b, "%s==%s%s%s\n", p.Name, p.Version, hashStart, p.Digest)
	}
	return b.Bytes()
}

var pinForm = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*) --hash=sha256:([0-9a-f]{64})$`)

// parseLock reads a lock that grow made; false for anything else, which is then
// made anew.
func parseLock(data []byte) (lock, bool) {
	var l lock
	text, ok := strings.CutPrefix(strings.ReplaceAll(string(data), "\r\n", "\n"), lockHead)
	if !ok {
		return l, false
	}
	partly := false
	for line := range strings.Lines(text) {
		if line == lockPart {
			partly = true
			continue
		}
		line = strings.TrimSpace(line)
		if sum, ok := strings.CutPrefix(line, lockFor); ok {
			l.For = sum
			continue
		}
		if line == "" {
			continue
		}
		m := pinForm.FindStringSubmatch(line)
		if m == nil {
			return lock{}, false
		}
		l.Pins = append(l.Pins, pin{Name: m[1], Version: m[2], Digest: m[3], Partly: partly})
		partly = false
	}
	return l, l.For != ""
}

// sort puts the pins in order.
func (l lock) sort() {
	slices.SortFunc(l.Pins, func(a, b pin) int { return strings.Compare(a.Name, b.Name) })
}
