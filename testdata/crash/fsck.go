package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// codeFsck is that of a journal that grow fsck finds something wrong with.
const codeFsck = "fsck.damaged"

// Fsck has grow look over the journal of the service, which does not run, and
// returns what is wrong: "" when nothing is, or there is no journal.
func (s *Service) Fsck(ctx context.Context) (wrong string, err error) {
	if _, err := os.Stat(s.Journal()); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	cmd := exec.CommandContext(ctx, s.Grow, "fsck", "-o", "json", s.Dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var said struct{ Error Refused }
	if err != nil && json.Unmarshal(errs.Bytes(), &said) != nil {
		return "", fmt.Errorf("grow fsck: %w: %s", err, errs.Bytes())
	}
	switch code := said.Error.Code; {
	case err == nil:
		return "", nil
	case code == codeFsck:
		return strings.TrimSpace(out.String()), nil
	case damageCode(code):
		return said.Error.Error(), nil
	}
	return "", fmt.Errorf("grow fsck: %s: %s", said.Error.Code, said.Error.Message)
}

// damageCode says whether a start is refused with a code because of what the
// journal's files hold.
func damageCode(code string) bool {
	return code == "journal.damaged" || code == "journal.foreign" || code == "journal.format"
}

// looked starts the service with start, after grow has looked over what the life
// before has left. That must be sound, unless its files have been hurt on purpose;
// and if it is, the start must not be refused for what they hold.
func (r *Run) looked(ctx context.Context, start func() error) error {
	hurt := r.hurt
	r.hurt = false
	wrong, err := r.Service.Fsck(ctx)
	if err != nil {
		return err
	}
	if wrong != "" && !hurt {
		return fmt.Errorf("grow fsck does not find it sound: %s", wrong)
	}
	if wrong == "" {
		r.Sound++
	}
	err = start()
	var refused *Refused
	if errors.As(err, &refused) && damageCode(refused.Code) && wrong == "" {
		return fmt.Errorf("grow fsck finds it sound, and grow run does not: %s", refused.Message)
	}
	return err
}
