package command

import (
	"context"
	"slices"
	"strings"

	"github.com/grow-platform/grow/host/control"
)

// complete completes what is before the cursor as far as it can only be one thing, and
// shows what it may be otherwise. It is called while begin's goroutine waits for a line.
func (v *visit) complete(text string, pos int) (string, int, bool) {
	before, after := text[:pos], text[pos:]
	start := strings.LastIndexByte(before, ' ') + 1
	word := before[start:]
	var offered []string
	for _, o := range v.offers(strings.Fields(before[:start]), word) {
		if strings.HasPrefix(o, word) {
			offered = append(offered, o)
		}
	}
	slices.Sort(offered)
	offered = slices.Compact(offered)
	if len(offered) == 0 {
		return "", 0, false
	}
	common := offered[0]
	for _, o := range offered[1:] {
		for !strings.HasPrefix(o, common) {
			common = common[:len(common)-1]
		}
	}
	if len(offered) == 1 {
		common += " "
	} else if common == word {
		v.lines.Say(cell(strings.Join(offered, "  ")) + "\n")
	}
	return before[:start] + common + after, start + len(common), true
}

// offers are what may come after some words.
func (v *visit) offers(given []string, word string) []string {
	var names []string
	for _, o := range orders {
		if !strings.Contains(o.name, " ") {
			names = append(names, o.name)
		}
	}
	if len(given) == 0 {
		return names
	}
	o, err := findOrder(given[0])
	if err != nil {
		return nil
	}
	switch {
	case (o.name == "help" || o.name == "watch") && len(given) == 1:
		return names
	case o.name == "logs":
		return []string{"-f", "--level", "--since", "--message"}
	case o.name == "debug":
		return []string{"--fork", "--message"}
	case (o.name == "send" || o.name == "fork") && len(given) == 1:
		return v.types
	case o.name == "state" && len(given) == 1:
		return append([]string{"set", "edit", "diff"}, v.keysOf(word)...)
	case o.name == "key" && len(given) == 1, o.name == "state" && len(given) == 2:
		return v.keysOf(word)
	case (o.name == "message" || o.name == "trace") && len(given) == 1:
		return v.messagesOf()
	}
	return nil
}

// keysOf are keys of the node that begin with a word, as far as the host says at once.
func (v *visit) keysOf(word string) []string {
	var keys []string
	v.atOnce(func(ctx context.Context, host *control.Client) error {
		list, err := host.States(ctx, control.StateFilter{Node: v.node, Prefix: word, Limit: completeMax})
		for _, k := range list.Keys {
			keys = append(keys, k.Key)
		}
		return err
	})
	return keys
}

// messagesOf are the ids of the newest messages.
func (v *visit) messagesOf() []string {
	var ids []string
	v.atOnce(func(ctx context.Context, host *control.Client) error {
		list, err := host.Messages(ctx, control.MessageFilter{Node: v.node, Last: completeMax})
		for _, m := range list.Messages {
			ids = append(ids, m.ID)
		}
		return err
	})
	return ids
}

// atOnce asks the host, if it answers soon: what does not is not completed.
func (v *visit) atOnce(do func(context.Context, *control.Client) error) {
	host, err := v.host()
	if err != nil {
		return
	}
	defer host.Close()
	ctx, cancel := context.WithTimeout(context.Background(), completeTime)
	defer cancel()
	_ = do(ctx, host) // there is nothing to complete with then
}
