package command

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/spf13/cobra"
)

func (o *runOptions) kept(c *cobra.Command) { journalFlags(c, &o.journal, ".grow/journal") }

// journalFlags adds the flags that say where the journal is, which is in the folder
// when nothing is said. What is secret comes from the environment or from files, since
// everybody can see the flags of a process.
func journalFlags(c *cobra.Command, j *app.Journal, folder string) {
	f := c.Flags()
	f.StringVar(&j.At, "journal", "", "`where` what was accepted is kept: memory, or nats:// or tls:// and the address of a server; "+folder+" when nothing is said")
	for _, file := range []struct {
		to                *string
		flag, env, holder string
	}{
		{&j.Creds, "journal-creds", "GROW_NATS_CREDS", "credentials, a JWT and its seed"},
		{&j.NKey, "journal-nkey", "GROW_NATS_NKEY", "the seed of an nkey"},
		{&j.CA, "journal-ca", "GROW_NATS_CA", "certificates to trust instead of the system's"},
		{&j.Cert, "journal-cert", "GROW_NATS_CERT", "this host's certificate"},
		{&j.Key, "journal-key", "GROW_NATS_KEY", "the key of this host's certificate"},
	} {
		f.StringVar(file.to, file.flag, os.Getenv(file.env), "`file` of "+file.holder+", for the server of --journal; or "+file.env)
		f.Lookup(file.flag).DefValue = "" // help tells of the flag and not of the environment
	}
	f.BoolVar(&j.AnyClock, "journal-any-clock", false, "start even when the journal tells of times to come")
	j.User, j.Password, j.Token = os.Getenv("GROW_NATS_USER"), os.Getenv("GROW_NATS_PASSWORD"), os.Getenv("GROW_NATS_TOKEN")
}

// checkJournal finds a --journal that is no place for one before anything is built.
func (o *runOptions) checkJournal() error { return checkJournal(&o.journal) }

func checkJournal(j *app.Journal) error {
	if err := j.Check(); err != nil {
		return usage("--journal: %v", err)
	}
	return nil
}

// journalLine is how the journal is, in one line.
func journalLine(j *control.Journal) string {
	parts := []string{count(int(j.Records), "record")}
	if j.Bytes > 0 {
		parts = append(parts, memory(j.Bytes))
	}
	parts = append(parts, fmt.Sprintf("epoch %d", j.Epoch))
	switch {
	case j.At == app.Memory:
		parts = append(parts, "nothing is kept for the next start")
	case j.Snapshot == 0:
		parts = append(parts, "no snapshot yet")
	case j.Taken.IsZero():
		parts = append(parts, fmt.Sprintf("snapshot of an earlier start, %s since", count(int(j.Records-j.Snapshot), "record")))
	default:
		parts = append(parts, fmt.Sprintf("snapshot %s ago, %s since", short(time.Since(j.Taken)), count(int(j.Records-j.Snapshot), "record")))
	}
	state := ""
	if j.Fault != "" {
		state = "TAKES NOTHING, "
	}
	return cell(j.At) + ": " + state + strings.Join(parts, ", ")
}
