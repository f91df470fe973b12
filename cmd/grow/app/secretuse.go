package app

import (
	"cmp"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/capabilities/http"
	"github.com/grow-platform/grow/host/capabilities/llm"
	"github.com/grow-platform/grow/host/capabilities/mail"
	"github.com/grow-platform/grow/host/outside/kafka"
	"github.com/grow-platform/grow/host/outside/nats"
	"github.com/grow-platform/grow/host/outside/redis"
	"github.com/grow-platform/grow/host/outside/s3"
	"github.com/grow-platform/grow/specs"
)

// SecretUse is a secret that a service needs to start.
type SecretUse struct {
	Name     string
	By       string // what needs it, such as "actor pricing"
	Optional bool   // the service starts without it
}

// vias are what secrets that say where servers are begin with.
var vias = map[specs.Via]string{specs.ViaNATS: nats.SecretPrefix, specs.ViaKafka: kafka.SecretPrefix, specs.ViaRedis: redis.SecretPrefix}

// SecretUses are the secrets that a service needs, each once, by name: those of webhooks, of
// grants and their headers, and the host's own that say where servers are. A database is not
// among them: without its secret it is a SQLite.
func SecretUses(s *specs.Service) []SecretUse {
	var all []SecretUse
	for _, e := range s.Endpoints {
		if e.Webhook != nil {
			all = append(all, SecretUse{Name: e.Webhook.Secret, By: e.Name()})
		}
	}
	for _, source := range s.Sources {
		if sub := source.Subscription; sub != nil {
			all = append(all, SecretUse{Name: vias[sub.Via] + strings.ToUpper(sub.Server), By: source.Name})
		}
	}
	for _, a := range s.Actors {
		for _, g := range a.Uses {
			for _, name := range grantSecrets(g) {
				optional, _ := g.Params["optional"].(bool)
				all = append(all, SecretUse{name, "actor " + a.Name, optional})
			}
		}
	}
	rank := func(u SecretUse) int { // what cannot do without it goes first
		if u.Optional {
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b SecretUse) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), rank(a)-rank(b), strings.Compare(a.By, b.By))
	})
	return slices.CompactFunc(all, func(a, b SecretUse) bool { return a.Name == b.Name })
}

// grantSecrets are the secrets that one grant names.
func grantSecrets(g specs.Grant) (names []string) {
	switch g.Kind {
	case "secret":
		list, _ := g.Params["names"].([]any)
		for _, name := range list {
			if text, ok := name.(string); ok {
				names = append(names, text)
			}
		}
	case "http":
		headers, _ := g.Params["headers"].(map[string]any)
		for _, value := range headers {
			text, _ := value.(string)
			names = append(names, http.SecretsIn(text)...)
		}
	default:
		if name := serverSecret(g); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// serverSecret is what says where the server of a grant is; "": it has none.
func serverSecret(g specs.Grant) string {
	server, named := g.Params["server"].(string)
	var prefix string
	switch g.Kind {
	case "mail":
		prefix = mail.SecretPrefix
	case "llm":
		prefix = llm.SecretPrefix
	case "connector":
		prefix = nats.SecretPrefix
	case "publish":
		via, _ := g.Params["via"].(string)
		prefix = vias[cmp.Or(specs.Via(via), specs.ViaNATS)]
	case "blob":
		if named {
			prefix = s3.SecretPrefix
		}
	}
	if prefix == "" {
		return ""
	}
	return prefix + strings.ToUpper(cmp.Or(server, "default"))
}
