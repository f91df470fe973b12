package mail

import (
	"bufio"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"github.com/grow-platform/grow/testdata/postbox"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// keeper is a server in Python that takes mails over TLS, keeps them in a folder and says
// its port once it listens.
const keeper = `
import asyncio, ssl, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1])
box = Mailbox(sys.argv[2])
async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, enable_SMTPUTF8=True, tls_context=tls, require_starttls=True), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
asyncio.run(main())
`

// TestAiosmtpd: mails come to a server that is in nobody's test library, over STARTTLS, and
// stand in a Maildir there.
func TestAiosmtpd(t *testing.T) {
	python := "/usr/bin/python3" // Debian's, which has Debian's packages
	if err := exec.Command(python, "-c", "import aiosmtpd").Run(); err != nil {
		t.Skip("aiosmtpd is not installed: apt-get install python3-aiosmtpd")
	}
	config, ca := postbox.Certificate(t)
	dir := t.TempDir()
	cert := filepath.Join(dir, "cert.pem")
	key, err := x509.MarshalPKCS8PrivateKey(config.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: config.Certificates[0].Certificate[0]})...)
	if err := os.WriteFile(cert, text, 0o600); err != nil {
		t.Fatal(err)
	}
	box := filepath.Join(dir, "box")
	cmd := exec.CommandContext(t.Context(), python, "-c", keeper, cert, box) //nolint:gosec // the test's own program
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(port, err)
	}
	c := open(t, fmt.Sprintf("smtp://127.0.0.1:%s?ca=%s", strings.TrimSpace(port), ca), nil)
	if got := send(t, c, "m1/1", `{"to": ["a@example.com"], "bcc": ["b@example.com"], "subject": "ü", "text": "one\n.\n..two"}`); got != "" {
		t.Fatal(got)
	}
	files, err := filepath.Glob(filepath.Join(box, "new", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	f, err := os.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is only read
	m, err := netmail.ReadMessage(f)
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("X-RcptTo") != "a@example.com, b@example.com" || m.Header.Get("X-MailFrom") != "shop@example.com" {
		t.Errorf("%v", m.Header)
	}
	body := partsOf(t, map[string][]string(m.Header), m.Body)["text/plain"]
	if got := strings.ReplaceAll(strings.TrimSpace(body), "\r\n", "\n"); got != "one\n.\n..two" {
		t.Errorf("%q", got)
	}
}
