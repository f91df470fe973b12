package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/grow-platform/grow/host/capabilities/sql"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/documents"
	"github.com/grow-platform/grow/host/store"
	"github.com/grow-platform/grow/runtime/bucket"
	"github.com/grow-platform/grow/runtime/journal"
	"github.com/grow-platform/grow/runtime/journal/archive"
)

const (
	// backupTries is how often a service is backed up that is started or stopped meanwhile.
	backupTries = 3
	// backupRounds is how often it is looked for services that came meanwhile.
	backupRounds = 20
)

// BackUp backs up all that the host keeps while it goes on, and calls emit with the files, in
// parts. Each service is as it was at one point of its journal; what the host keeps itself, and
// what services share, is as it is after all of these. A service that cannot be backed up
// ends it, by an *control.Error that names it, unless it is one that r leaves out.
func (p *Platform) BackUp(ctx context.Context, r control.HostBackupRequest, emit func(control.BackupPart) error) error {
	if err := canBackUp(ctx, p.opts.Journal, r.Key); err != nil {
		return err
	}
	if !p.backing.CompareAndSwap(false, true) {
		return &control.Error{Code: CodeBackupBusy, Message: "another backup of the whole host is under way", Next: "try again when it has ended"}
	}
	defer p.backing.Store(false)
	select { // what a ref names must be there when it is read
	case p.sweeping <- struct{}{}:
		defer func() { <-p.sweeping }()
	case <-ctx.Done():
		return ctx.Err()
	}
	b := &hostBackup{p: p, request: r, to: archive.NewWhole(sendTo(emit), time.Now().UTC()), seen: map[origin]archive.Member{}}
	return backupFault(b.write(ctx))
}

// hostBackup is a backup of a host that is written. It belongs to one goroutine.
type hostBackup struct {
	p       *Platform
	request control.HostBackupRequest
	to      *archive.WholeWriter
	seen    map[origin]archive.Member // that were backed up
}

// origin tells a service from one of the same name that comes when it is deleted.
type origin struct {
	documents.Service
	seed uint64 // revision of the ref of its seed; 0: it has not been started
}

func (b *hostBackup) write(ctx context.Context) error {
	refs, members, err := b.services(ctx)
	if err != nil {
		return err
	}
	own := b.to.Own()
	c := &belongings{store: b.p.shared.store, sealed: b.p.own(secretsDir), acts: b.p.acts, without: b.request.Without, all: true, key: b.request.Key, remembered: b.p.store}
	if err := c.bucketsOf(ctx, own, func(b bucket.Carried) bool { return b.Service == "" }); err != nil {
		return err
	}
	if err := c.secrets(ctx, own); err != nil {
		return err
	}
	if err := c.deeds(ctx, own); err != nil {
		return err
	}
	if refs, err = b.refs(refs); err != nil {
		return err
	}
	if err := c.named(ctx, own, refs); err != nil {
		return err
	}
	return b.to.End(ctx, members, b.request.Without)
}

// services backs up all of them, those too that come meanwhile, and returns the refs by which
// these are all.
func (b *hostBackup) services(ctx context.Context) (refs []store.Ref, members []archive.Member, err error) {
	for round := range backupRounds {
		if refs, err = b.p.store.Refs(ctx, ""); err != nil {
			return nil, nil, fmt.Errorf("back up documents and deployments: %w", err)
		}
		list := servicesIn(refs)
		if round == 0 {
			if err := b.knows(list); err != nil {
				return nil, nil, err
			}
		}
		members = nil
		fresh := false
		seeds := map[string]uint64{}
		for _, r := range refs {
			if strings.HasPrefix(r.Name, seedsRef) {
				seeds[r.Name] = r.Revision
			}
		}
		for _, s := range list {
			if slices.Contains(b.request.Without, s.String()) {
				continue
			}
			as := origin{s, seeds[seedRef(s)]}
			m, ok := b.seen[as]
			if !ok {
				if m, err = b.service(ctx, s); err != nil {
					return nil, nil, err
				}
				b.seen[as], fresh = m, true
			}
			members = append(members, m)
		}
		if !fresh {
			return refs, members, nil
		}
	}
	return nil, nil, &control.Error{Code: control.CodeConflict, Message: "back up: new services keep coming to the host", Next: "try again when they have come"}
}

// knows says whether all services that are to be left out are there.
func (b *hostBackup) knows(list []documents.Service) error {
	for _, name := range b.request.Without {
		if !slices.ContainsFunc(list, func(s documents.Service) bool { return s.String() == name }) {
			return &control.Error{Code: control.CodeNotFound, At: name, Message: fmt.Sprintf("there is no service %.140q to leave out", name), Next: "name it as NAMESPACE/SERVICE; see those there are: grow service list"}
		}
	}
	return nil
}

// documentsRef is what the refs begin with by which services are known.
const documentsRef = "documents/"

// servicesIn are the services that have documents.
func servicesIn(refs []store.Ref) (list []documents.Service) {
	for _, r := range refs {
		if rest, ok := strings.CutPrefix(r.Name, documentsRef); ok {
			namespace, name, _ := strings.Cut(rest, "/")
			list = append(list, documents.Service{Namespace: namespace, Name: name})
		}
	}
	return list
}

// errStarted: a service that did not run has been started.
var errStarted = errors.New("the service was started meanwhile")

// service backs up one. What is not the service's alone is left for the host.
func (b *hostBackup) service(ctx context.Context, s documents.Service) (m archive.Member, err error) {
	m = archive.Member{Namespace: s.Namespace, Service: s.Name, Journal: true}
	for try := 1; ; try++ {
		h := b.p.running(s)
		if h != nil {
			c := h.belongings()
			c.alone = true
			err = h.backUp(ctx, b.to.Service(m), b.request.History, c)
		} else {
			m.Journal, err = b.idle(ctx, s, b.to.Service(m))
		}
		if err == nil || ctx.Err() != nil {
			return m, err
		}
		if b.p.running(s) == h || try == backupTries {
			return m, unreadable(s, err)
		}
	}
}

// unreadable names a service that cannot be backed up.
func unreadable(s documents.Service, err error) error {
	var told *control.Error
	if !errors.As(backupFault(err), &told) {
		return fmt.Errorf("back up %s: %w", s, err)
	}
	if told.Code == CodeBackupSlow { // which is not the service's
		return told
	}
	named := *told
	named.Message, named.At = "service "+s.String()+" cannot be backed up: "+told.Message, s.String()
	if named.Next != "" {
		named.Next += "; "
	}
	named.Next += "or leave it out: --without " + s.String()
	return &named
}

// idle backs up a service that does not run, which nobody starts meanwhile. Without a journal
// nothing of it has run yet, or its journal is lost.
func (b *hostBackup) idle(ctx context.Context, s documents.Service, to archive.Putter) (kept bool, err error) {
	release, err := b.p.Deployer.Hold(ctx, s)
	if err != nil {
		return false, err
	}
	defer release()
	if b.p.running(s) != nil {
		return true, errStarted
	}
	in, ok := b.p.shared.store.(finder)
	if !ok {
		return false, fmt.Errorf("a store %T does not tell what it has", b.p.shared.store)
	}
	name := journal.Name{Namespace: s.Namespace, Service: s.Name}
	c := &belongings{
		namespace: s.Namespace, service: s.Name, store: b.p.shared.store, data: dataOf(b.p.opts.Data, name.Namespace, name.Service), alone: true, copying: new(sync.Mutex),
	}
	j, err := in.Find(ctx, name)
	if errors.Is(err, journal.ErrNotFound) {
		return false, b.neverRan(ctx, s, c)
	}
	if err != nil {
		return true, err
	}
	_, err = archive.Backup(ctx, j, name, to, b.request.History, time.Now().UTC(), nil, c.schedules, c.write)
	return true, err
}

// neverRan fails when something of a service that has no journal says that it had one.
func (b *hostBackup) neverRan(ctx context.Context, s documents.Service, c *belongings) error {
	lost := func(what string) error {
		return fmt.Errorf("%w: there is no journal of service %s, which has %s", journal.ErrDamaged, s, what)
	}
	_, err := b.p.Deployer.Live(ctx, s)
	if err == nil { // it has a seed since it was started: one that was deployed while it was stopped has none
		if _, err = b.p.store.Ref(ctx, seedRef(s)); err == nil || b.p.isMounted(s) {
			return lost("run")
		}
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	dir := filepath.Join(c.data, sql.Folder)
	list, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up databases: %w", err)
	}
	if i := slices.IndexFunc(list, func(e fs.DirEntry) bool { return strings.HasSuffix(e.Name(), sql.FileSuffix) }); i >= 0 {
		return lost("the database " + filepath.Join(dir, list[i].Name()) + "; if a former service of that name has left it, move it to another folder")
	}
	return c.eachBucket(ctx, func(n bucket.Carried) bool { return n.Service != "" }, func(_ bucket.Carrier, n bucket.Carried) error {
		return lost("the bucket " + n.String())
	})
}

// refs are those that a backup has: without those of services that are left out, and as a host
// has them on which no folder is mounted.
func (b *hostBackup) refs(all []store.Ref) (list []store.Ref, err error) {
	for _, r := range all {
		parts := strings.SplitN(r.Name, "/", 4)
		if len(parts) > 2 && slices.Contains(b.request.Without, parts[1]+"/"+parts[2]) || parts[0] == mountsRef {
			continue
		}
		list = append(list, r)
	}
	m := b.p.mounted
	if m == nil || slices.Contains(b.request.Without, m.id.String()) {
		return list, nil
	}
	seed, err := readSmall(filepath.Join(StateDir(b.p.opts.Data), seedFile))
	if err != nil {
		return nil, fmt.Errorf("back up the seed of %s: %w", m.id, err)
	}
	return append(list, store.Ref{Name: seedRef(m.id), Value: seed}), nil
}
