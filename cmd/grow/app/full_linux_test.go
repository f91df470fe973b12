package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/secrets"
	"github.com/grow-platform/grow/host/token"
	"github.com/grow-platform/grow/testdata/wat"
)

// TestFullDisk: where a folder of the host has no room for a module, the deployment is
// refused with what to do, what runs goes on, and nothing half written is left. Once there
// is room the same goes through.
func TestFullDisk(t *testing.T) {
	for _, name := range []string{"uploads", "store", "work"} {
		t.Run(name, func(t *testing.T) {
			p, client, disk, end := onSmallDisk(t, name)
			defer end()
			small, large := wat.Module("echo"), padded(wat.Module("echo"), 400<<10)
			if err := deployed(t.Context(), client, "One.", small); err != nil {
				t.Fatal(err)
			}
			filler := fill(t, disk, 200<<10)
			var fault *control.Error
			err := deployed(t.Context(), client, "Two.", large)
			if !errors.As(err, &fault) || fault.Code != "host.full" || !strings.Contains(fault.Next, "make room on the disk of "+disk) || !strings.Contains(fault.Next, " KiB free") {
				t.Errorf("on a full disk: %v; next: %+v", err, fault)
			}
			if status, body := p.post(); status != 200 || body != `"hello"` {
				t.Errorf("what ran before: %d %s", status, body)
			}
			if n, err := p.Deployer.Live(t.Context(), echoes2); err != nil || n.Number != 1 {
				t.Errorf("live is %d, %v", n.Number, err)
			}
			if left := unfinished(t, p.options.Data); len(left) > 0 {
				t.Errorf("left over: %q", left)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if err := deployed(t.Context(), client, "Two.", large); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if status, body := p.post(); status != 200 || body != `"hello"` {
				t.Errorf("what runs now: %d %s", status, body)
			}
		})
	}
}

// onSmallDisk starts a host of which a folder is a disk of 1 MiB. end stops it.
func onSmallDisk(t *testing.T, name string) (p *platform, client *api.Client, disk string, end func()) {
	t.Helper()
	p = &platform{t: t, options: PlatformOptions{Data: t.TempDir(), Listen: "127.0.0.1:0", Control: "127.0.0.1:0", CacheDir: t.TempDir()}}
	disk = filepath.Join(p.options.Data, name)
	if err := os.Mkdir(disk, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("only root can make a small disk: ", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	p.start()
	key, err := p.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err = api.NewClient(api.ClientOptions{URL: p.ControlURL(), Token: key})
	if err != nil {
		t.Fatal(err)
	}
	return p, client, disk, func() {
		client.Close()
		p.stop()
	}
}

// TestFullDiskTold: who seals a secret or makes a token when there is no room is told so,
// and where to make some.
func TestFullDiskTold(t *testing.T) {
	for name, ask := range map[string]func(*api.Client) error{
		"secrets": func(c *api.Client) error {
			_, err := c.SetSecret(t.Context(), secrets.Place{Namespace: echoes2.Namespace, Service: echoes2.Name}, "KEY", []byte("value"))
			return err
		},
		"store": func(c *api.Client) error {
			_, err := c.CreateToken(t.Context(), api.NewToken{Name: "ann", Scopes: []token.Scope{token.Read}, Namespaces: []string{"main"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, client, disk, end := onSmallDisk(t, name)
			defer end()
			within := filepath.Join(disk, ".new-full") // none of what is kept there
			if err := os.Mkdir(within, 0o700); err != nil {
				t.Fatal(err)
			}
			filler := fill(t, within, 0)
			var fault *control.Error
			if err := ask(client); !errors.As(err, &fault) || fault.Code != "host.full" || !strings.Contains(fault.Next, "make room on the disk of "+disk) {
				t.Errorf("on a full disk: %v; next: %+v", err, fault)
			}
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
			if err := ask(client); err != nil {
				t.Errorf("with room again: %v", err)
			}
		})
	}
}

// padded is a module with a custom section of n bytes.
func padded(module []byte, n int) []byte {
	b := append([]byte{}, module...)
	size := n + 4
	b = append(b, 0, byte(size)|0x80, byte(size>>7)|0x80, byte(size>>14)|0x80, byte(size>>21))
	return append(append(b, 3, 'p', 'a', 'd'), make([]byte, n)...)
}

// deployed makes echoes live through the control API.
func deployed(ctx context.Context, c *api.Client, about string, module []byte) error {
	remote := c.At(echoes2.Namespace, echoes2.Name)
	r := api.Request{Seen: -1}
	if last, err := remote.Documents(ctx, ""); err == nil {
		r.Parent = last.ID
	}
	for path, text := range echoFiles(about, echoTest) {
		d, err := c.Upload(ctx, []byte(text), nil)
		if err != nil {
			return err
		}
		r.Files = append(r.Files, api.File{Path: path, Digest: string(d), Size: int64(len(text))})
	}
	d, err := c.Upload(ctx, module, nil)
	if err != nil {
		return err
	}
	r.Artifacts = map[string]api.Artifact{"echo": {Digest: string(d)}}
	_, err = remote.Deploy(ctx, r, nil)
	return err
}

// fill writes a file that leaves so many bytes of a disk, and returns its path.
func fill(t *testing.T, disk string, left int64) string {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(disk, &s); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(disk, "filler")
	if err := os.WriteFile(path, make([]byte, int64(s.Bavail)*s.Bsize-left), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// unfinished are the files of a host that something is still to become of.
func unfinished(t *testing.T, data string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(data, path)
		folder := filepath.Dir(name)
		if err == nil && e.Name() != "filler" && (folder == "uploads" || folder == filepath.Join("store", "fresh") || strings.HasPrefix(e.Name(), ".fresh-")) {
			list = append(list, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
