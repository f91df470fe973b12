package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/grow-platform/grow/host/api"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/host/signing"
	"github.com/spf13/cobra"
)

func (s *shell) signKey() *cobra.Command {
	return group(&cobra.Command{
		Use: "signkey", Short: "make keys that modules are signed with, and trust them", Args: cobra.NoArgs,
		Long: "A module can be signed, with an Ed25519 key. A host takes signatures of the keys that it trusts, and with\n" +
			"grow serve --require-signatures no module without one.",
		Example: "  grow signkey create --out release.key\n  grow signkey trust release release.key.pub\n  grow signkey list",
	}, s.signKeyCreate(), s.signKeyList(), s.signKeyTrust(), s.signKeyDistrust())
}

func (s *shell) signKeyCreate() *cobra.Command {
	var out string
	var plan bool
	c := &cobra.Command{
		Use: "create", Short: "make a pair of keys, in two files", Args: cobra.NoArgs,
		Long:    "create makes a private key, which only its owner may read, and beside it the public one, whose file ends in .pub. Both are PEM. Nothing is sent anywhere.",
		Example: "  grow signkey create\n  grow signkey create --out release.key",
		RunE: func(*cobra.Command, []string) error {
			private, public, err := signing.Generate()
			if err != nil {
				return err
			}
			key, err := signing.Public(public)
			if err != nil {
				return err
			}
			made := map[string]any{"private": out, "public": out + ".pub", "id": signing.ID(key), "plan": plan}
			for _, name := range []string{out, out + ".pub"} {
				if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
					return &control.Error{Code: codeExists, Message: name + " exists; nothing was made", At: name, Next: "name another file: --out"}
				}
			}
			if plan {
				return s.planned(made, "would make %s and %s.pub", out, out)
			}
			if err := writeKeys(out, private, public); err != nil {
				return err
			}
			return s.print(made, func(io.Writer) error {
				s.say("%s is the private key: keep it secret.\n%s.pub is the public one, %s; have a host trust it: grow signkey trust NAME %s", cell(out), cell(out), signing.ID(key), quote(out+".pub"))
				return nil
			})
		},
	}
	c.Flags().StringVar(&out, "out", "grow.key", "`file` of the private key; the public one is beside it")
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be made")
	return c
}

// writeKeys writes both files of a pair, or neither.
func writeKeys(out string, private, public []byte) error {
	if err := writeNew(out, private, 0o600); err != nil {
		return err
	}
	if err := writeNew(out+".pub", public, 0o644); err != nil {
		return errors.Join(err, os.Remove(out))
	}
	return nil
}

// writeNew writes a file that is not there.
func writeNew(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("make key: %w", err), os.Remove(name))
	}
	return nil
}

func (s *shell) signKeyList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "list the keys that a host trusts", Args: cobra.NoArgs,
		Example: "  grow signkey list",
		RunE: func(c *cobra.Command, _ []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.SignKeys(c.Context())
			if err != nil {
				return err
			}
			return s.print(list, func(w io.Writer) error {
				if len(list) == 0 {
					s.say("the host trusts no key; make one: grow signkey create")
					return nil
				}
				var rows [][]string
				for _, k := range list {
					rows = append(rows, []string{k.ID, k.Name, k.Trusted.Local().Format(time.DateTime), k.By})
				}
				return table(w, "ID NAME TRUSTED BY", rows)
			})
		},
	}
}

func (s *shell) signKeyTrust() *cobra.Command {
	var plan bool
	c := &cobra.Command{
		Use: "trust NAME FILE.pub", Short: "have a host trust a public key", Args: cobra.ExactArgs(2),
		Example: "  grow signkey trust release release.key.pub\n  grow signkey trust release release.key.pub --plan",
		RunE: func(c *cobra.Command, args []string) error {
			file, err := readKey(args[1])
			if err != nil {
				return err
			}
			public, err := signing.Public(file)
			if err != nil {
				return usage("%s is no public key: %v; the file made beside a private one ends in .pub", args[1], err)
			}
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			if plan {
				return s.planned(signing.Key{ID: signing.ID(public), Name: args[0], Public: public}, "would trust %s %s", signing.ID(public), args[0])
			}
			k, err := host.TrustKey(c.Context(), api.NewKey{Name: args[0], PEM: string(file)})
			if err != nil {
				return err
			}
			return s.print(k, func(io.Writer) error {
				s.say("the host trusts %s %s", k.ID, cell(k.Name))
				return nil
			})
		},
	}
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be done")
	return c
}

// readKey reads a key's file; what is too large for one is not read.
func readKey(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &control.Error{Code: control.CodeNotFound, Message: "there is no file " + name, At: name}
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, signing.FileMax+1))
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	return b, nil
}

func (s *shell) signKeyDistrust() *cobra.Command {
	var plan bool
	c := &cobra.Command{
		Use: "distrust ID", Short: "have a host trust a key no longer", Args: cobra.ExactArgs(1),
		Long:    "distrust removes a key from those that a host trusts. What was deployed with its signature goes on; nothing more is taken with it.",
		Example: "  grow signkey distrust 0123456789abcdef\n  grow signkey distrust 0123456789abcdef --plan",
		RunE: func(c *cobra.Command, args []string) error {
			host, err := s.platform()
			if err != nil {
				return err
			}
			defer host.Close()
			list, err := host.SignKeys(c.Context())
			if err != nil {
				return err
			}
			for _, k := range list {
				switch {
				case k.ID != args[0]:
				case plan:
					return s.planned(k, "would trust %s %s no longer", k.ID, k.Name)
				default:
					if err := host.DistrustKey(c.Context(), k.ID); err != nil {
						return err
					}
					return s.print(k, func(io.Writer) error {
						s.say("the host trusts %s %s no longer", k.ID, cell(k.Name))
						return nil
					})
				}
			}
			return &control.Error{Code: control.CodeNotFound, Message: "the host trusts no key " + args[0], At: args[0], Next: "see those it trusts: grow signkey list"}
		},
	}
	c.Flags().BoolVar(&plan, "plan", false, "only say what would be done")
	return c
}
