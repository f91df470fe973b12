package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"github.com/grow-platform/grow/cmd/grow/app"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/journal/archive"
	"github.com/spf13/cobra"
)

// codeFsck is the code of a journal that was looked over and is not sound.
const codeFsck = "fsck.damaged"

// heldMax is how many entries are told of in text; JSON has more.
const heldMax = 10

func (s *shell) fsck() *cobra.Command {
	var repair, lose bool
	var run runOptions
	c := &cobra.Command{
		Use: "fsck [FOLDER]", Short: "check the journal of a stopped service or host, and repair it", Args: cobra.MaximumNArgs(1),
		Long: "fsck reads every record, snapshot and blob of the journal of a service that does not run, names what is damaged, and says\n" +
			"what follows from it and what --repair would do. It changes nothing. FOLDER is that of a service, or what grow serve has as --data:\n" +
			"then it is the journals of all its services.\n\n" +
			"--repair builds the journal anew from the newest snapshot that is whole and the records that follow it, and puts it in the\n" +
			"place of the damaged one, which is kept beside it. Where that would lose something, it does nothing without --lose.\n\n" +
			"With --journal, as for grow run, it checks what a NATS server keeps, which is not repaired in place. No host may serve\n" +
			"the service meanwhile.",
		Example: "  grow fsck\n  grow fsck --repair\n  grow fsck shop -o json\n  grow fsck /var/lib/grow --repair\n  grow fsck --journal nats://127.0.0.1:4222",
		RunE: func(c *cobra.Command, args []string) error {
			if lose && !repair {
				return usage("--lose goes with --repair")
			}
			if err := run.checkJournal(); err != nil {
				return err
			}
			dir, err := s.stoppedAny(args)
			if err != nil {
				return err
			}
			again := "grow fsck"
			if len(args) > 0 {
				again += " " + args[0]
			}
			o := app.FsckOptions{Repair: repair, Lose: lose, Log: s.warnings(), Tell: s.progress("repaired")}
			r, err := look(c.Context(), dir, run.journal, o)
			if err != nil {
				return err
			}
			if err := s.print(r, func(w io.Writer) error { return writeFsck(w, r, repair, again) }); err != nil {
				return err
			}
			return fsckFault(r, repair, again)
		},
	}
	c.Flags().BoolVar(&repair, "repair", false, "repair what can be; what was there is kept beside it")
	c.Flags().BoolVar(&lose, "lose", false, "with --repair: go on without what cannot be repaired")
	run.kept(c)
	return c
}

// look checks the journal of the service in dir, wherever it is kept.
func look(ctx context.Context, dir string, j app.Journal, o app.FsckOptions) (*app.FsckReport, error) {
	switch j.At {
	case "":
		return app.Fsck(ctx, dir, o)
	case app.Memory:
		return nil, usage("fsck checks a journal that is kept; memory is none")
	}
	service, _, err := app.Outline(dir)
	if err != nil {
		return nil, err
	}
	return j.Fsck(ctx, dir, service.Name, o)
}

// stopped is the folder of a service of which no host runs.
func (s *shell) stopped(args []string) (string, error) {
	dir, err := s.folder(args)
	if err != nil {
		return "", err
	}
	return dir, control.Running(app.StateDir(dir))
}

// stoppedAny is the folder of a service, or of a host that services are deployed to, which
// none runs of.
func (s *shell) stoppedAny(args []string) (string, error) {
	dir, err := s.stopped(args)
	var none *control.Error
	if !errors.As(err, &none) || none.Code != codeNoService {
		return dir, err
	}
	if _, denied := os.ReadDir(none.At); errors.Is(denied, fs.ErrPermission) {
		return "", denied // nobody knows what is there
	}
	if !app.IsHostFolder(none.At) {
		return "", err
	}
	return none.At, nil // its store and its journals are locked while one runs
}

// warnings is a log for what a journal's server has to say that matters.
func (s *shell) warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(s.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// onServer says what to do about a journal on a server that is damaged.
const onServer = "it is not repaired on a server: delete its streams there, and restore a backup: grow restore"

// fsckFault is why a command that looked a journal over does not end well, or nil; again is
// that command, without flags.
func fsckFault(r *app.FsckReport, repair bool, again string) error {
	if r.Sound || r.Repaired {
		return nil
	}
	e := control.Error{Code: codeFsck, Message: "the journal is damaged", At: r.Folder, Next: "repair it: " + again + " --repair"}
	switch {
	case r.Server:
		e.Next = onServer
	case r.Stuck():
		e.Message, e.Next = "the journal is damaged, and cannot be repaired", "restore a backup: grow restore"
	case r.Lost():
		e.Message, e.Next = "the journal is damaged, and something is lost", "restore a backup, or go on without what is lost: "+again+" --repair --lose"
	case repair:
		e.Next = ""
	}
	return &told{fault: e, whole: true}
}

func writeFsck(w io.Writer, r *app.FsckReport, repair bool, again string) error {
	for i := range r.Files {
		writeFinding(w, &r.Files[i])
	}
	for i := range r.Journals {
		writeJournal(w, &r.Journals[i])
	}
	switch {
	case r.Away != "":
		fmt.Fprintf(w, "repaired; what was there is in %s\n", cell(nearby(r.Away)))
		if r.LostIn != "" {
			fmt.Fprintf(w, "what is lost is in %s, with all data, an entry a line\n", cell(nearby(r.LostIn)))
		}
	case r.Repaired && !r.Sound:
		fmt.Fprintf(w, "repaired: %s is written anew; nothing else is changed\n", r.Files[0].Where)
	case r.Repaired:
		fmt.Fprintf(w, "repaired: %s deleted\n", count(r.Leaked, "leaked blob"))
	case r.Sound && len(r.Journals) == 0:
		fmt.Fprintln(w, "nothing is kept there yet")
	case r.Sound:
		fmt.Fprintln(w, "sound")
	case r.Server:
		fmt.Fprintln(w, onServer)
	case r.Stuck():
		fmt.Fprintln(w, "it cannot be repaired; restore a backup: grow restore")
	case r.Lost() && repair:
		fmt.Fprintln(w, "nothing was changed; restore a backup, or go on without what is lost:", cell(again), "--repair --lose")
	case r.Lost():
		fmt.Fprintln(w, "restore a backup, or go on without what is lost:", cell(again), "--repair --lose")
	default:
		fmt.Fprintln(w, "repair it:", cell(again), "--repair")
	}
	return nil
}

func writeFinding(w io.Writer, f *archive.Finding) {
	what := ""
	switch {
	case f.Record > 0 && f.To > f.Record:
		what = fmt.Sprintf("records %d to %d: ", f.Record, f.To)
	case f.Record > 0:
		what = fmt.Sprintf("record %d: ", f.Record)
	case f.Blob != "" && !strings.Contains(f.Text, f.Blob):
		what = f.Blob + ": "
	}
	where := ""
	if f.Where != "" {
		where = " (" + f.Where + ")"
	}
	fmt.Fprintf(w, "  %s  %s\n", f.Code, cell(what+f.Text+where))
	writeTouched(w, "held, as far as can be read", f.Held, len(f.Held))
}

// writeTouched tells what records hold.
func writeTouched(w io.Writer, what string, list []archive.Touched, all int) {
	for i := range list {
		if i == heldMax {
			break
		}
		t := &list[i]
		text := fmt.Sprintf("%s %s at %s", t.What, t.ID, t.Node)
		if t.Key != "" {
			text += fmt.Sprintf(", key %q", t.Key)
		}
		if t.State {
			text += ", whose state changed"
		}
		fmt.Fprintf(w, "    %s: %s\n", what, cell(text))
	}
	if all > heldMax {
		fmt.Fprintf(w, "    %s: %d more; see: grow fsck -o json\n", what, all-heldMax)
	}
}

// writeJournal tells of one journal: what is wrong, what follows, what a repair does.
func writeJournal(w io.Writer, j *app.FsckJournal) {
	parts := []string{"no records"}
	if j.First <= j.Last {
		parts = []string{fmt.Sprintf("records %d to %d", j.First, j.Last)}
	}
	if j.Snapshot > 0 {
		parts = append(parts, fmt.Sprintf("snapshot after record %d", j.Snapshot))
	}
	parts = append(parts, count(j.Blobs, "blob"))
	if n := len(j.Leaked); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of them needed by nothing; --repair deletes them", n))
	}
	fmt.Fprintf(w, "journal %s: %s\n", j.Journal, strings.Join(parts, ", "))
	for i := range j.Findings {
		writeFinding(w, &j.Findings[i])
	}
	if j.Sound() {
		return
	}
	fmt.Fprintf(w, "  follows: %s\n", follows(j))
	writeTouched(w, "lost", j.Lost, j.LostAll)
	if p := j.Plan; p != nil {
		fmt.Fprintf(w, "  repair:  %s\n", goesOn(p))
	}
}

// follows says in a sentence what the damage means.
func follows(j *app.FsckJournal) string {
	switch {
	case j.Plan == nil:
		return "no snapshot and no record is left to go on from"
	case j.LostFrom > 0 && j.Plan.Rest > 0:
		return fmt.Sprintf("what the damaged records from %d on did is lost, and what depends on it up to record %d; there is no looking back", j.LostFrom, j.Last)
	case j.LostFrom > 0 && j.LostFrom < j.Last:
		return fmt.Sprintf("what records %d to %d did is lost", j.LostFrom, j.Last)
	case j.LostFrom > 0:
		return fmt.Sprintf("what record %d did is lost", j.LostFrom)
	case j.Open:
		return "what came after the end is lost, if anything did; how much that is cannot be known"
	case j.Plan.First > j.First:
		return fmt.Sprintf("no state and no message is lost; there is no looking back beyond record %d", j.Plan.First)
	}
	return "no state and no message is lost"
}

// goesOn says in a sentence what a repair does.
func goesOn(p *archive.Plan) string {
	text := "go on from the beginning"
	if p.Root != "" {
		text = fmt.Sprintf("go on from the snapshot after record %d", p.Snapshot)
	}
	switch {
	case p.Rest > 0:
		text += fmt.Sprintf(", with all up to record %d, and all up to record %d that does not depend on what is lost", p.Last, p.Rest)
	case p.First <= p.Last:
		text += fmt.Sprintf(", with records %d to %d", p.First, p.Last)
	}
	return text
}
