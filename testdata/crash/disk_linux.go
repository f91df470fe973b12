package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Sizes of the disks. Grow leaves 64 MiB of a disk free, so a smaller one is
// full from the beginning.
const (
	fullSize  = "96m"
	roomSize  = "1g"
	powerSize = 1 << 30 // bytes
	fullFill  = 16 << 10
)

// extShutdown is EXT4_IOC_SHUTDOWN of linux/fs/ext4/ext4.h, XFS has the same;
// noFlush shuts down and forgets what was not written.
const (
	extShutdown = 0x8004587d
	noFlush     = 2
)

func command(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// mount mounts an empty disk where the journal will be.
func (r *Run) mount(args ...string) error {
	r.Close()
	dir := r.Service.Journal()
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700)); err != nil {
		return err
	}
	r.work.forget()
	if err := command("mount", append(args, dir)...); err != nil {
		return fmt.Errorf("%w: %w", ErrSkipped, err)
	}
	return nil
}

func (r *Run) unmount() error {
	r.Close()
	return unix.Unmount(r.Service.Journal(), 0)
}

// Full is a round on a small disk that fills up under load. Grow must refuse
// with 503 and keep its word on all it has acknowledged, and go on by itself
// when there is room again; then comes a kill -9.
func (r *Run) Full(ctx context.Context) (err error) {
	if err := r.mount("-t", "tmpfs", "-o", "size="+fullSize, "crash"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.unmount()) }()
	r.work.spoil(0, fullFill)
	defer r.work.spoil(0, 0)
	return r.outage(ctx, func() error { return nil }, func() error {
		return command("mount", "-o", "remount,size="+roomSize, r.Service.Journal())
	})
}

// Power is a round on a disk of its own that loses its power under load: what
// the disk has not written is gone. The process is stopped first, so that it cannot be
// told by the kernel that an fsync succeeded whose data is gone.
func (r *Run) Power(ctx context.Context) (err error) {
	image := filepath.Join(r.Service.Dir, "disk")
	f, err := os.Create(image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(powerSize), f.Close()); err != nil {
		return err
	}
	if err := command("mkfs.ext4", "-q", "-F", image); err != nil {
		return fmt.Errorf("%w: %w", ErrSkipped, err)
	}
	if err := r.mount("-o", "loop", image); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.unmount()) }()
	if err := os.Remove(filepath.Join(r.Service.Journal(), "lost+found")); err != nil {
		return err
	}
	return r.Round(ctx, r.between(loadMin, loadMax), func(h *Host) error {
		if err := h.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
		if err := shutdown(r.Service.Journal()); err != nil {
			return err
		}
		h.Kill()
		if err := unix.Unmount(r.Service.Journal(), 0); err != nil {
			return fmt.Errorf("unmount: %w", err)
		}
		return command("mount", "-o", "loop", image, r.Service.Journal())
	})
}

// shutdown takes a disk away.
func shutdown(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.IoctlSetPointerInt(int(f.Fd()), extShutdown, noFlush)
	return errors.Join(err, f.Close())
}
