package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/grow-platform/grow/testdata/wat"
)

// schemathesisVersion is that which the set-up installs.
const schemathesisVersion = "4.32.5"

// TestOpenAPI has schemathesis try a host with a service by the OpenAPI document that
// it serves: what is against the document is refused, what is answered is as it says,
// and nothing brings a fault about. That every request the document allows is taken is
// not asked for: JSON Schema cannot say that a key must be one or a token's end lie ahead.
func TestOpenAPI(t *testing.T) {
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	packages := filepath.Join(cache, "grow", "schemathesis", schemathesisVersion)
	if _, err := os.Stat(packages); err != nil {
		t.Skip("schemathesis is not installed; make test does so")
	}
	p := newPlatform(t)
	if n, err := p.Deployer.Deploy(t.Context(), p.request(echoFiles("One.", echoTest), wat.Module("echo"))); err != nil {
		t.Fatalf("%v\n%+v", err, n.Checks)
	}
	token, err := p.FirstToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "python3", "-m", "schemathesis.cli", "run", p.ControlURL()+"/v1/openapi.json", "--header", "Authorization: Bearer "+token,
		"--max-examples", "10", "--seed", "1", "--phases", "coverage,fuzzing", "--exclude-checks", "positive_data_acceptance", "--exclude-operation-id", "delete-token",
		"--request-timeout", "30", "--no-color")
	c.Env = append(os.Environ(), "PYTHONPATH="+packages)
	c.Dir = t.TempDir()
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
