package compare

import (
	"github.com/grow-platform/grow/specs"
	"github.com/grow-platform/grow/specs/shape"
)

// sources compares schedules and subscriptions.
func (r *report) sources(old, new *specs.Service) {
	byName := func(s *specs.Service) map[string]*specs.Source {
		list := map[string]*specs.Source{}
		for _, x := range s.Sources {
			list[x.Name] = x
		}
		return list
	}
	was, is := byName(old), byName(new)
	for _, name := range union(was, is) {
		a, b := was[name], is[name]
		r.about("%s", name)
		switch {
		case b == nil:
			r.add("", shape.Warn, Interface, "source.removed", "is gone: its messages come no more")
			continue
		case a == nil:
			r.add("", shape.Ok, Interface, "source.added", "is new")
			continue
		}
		moved(r, "send", "the message", a.Send, b.Send, text)
		moved(r, "to", "where it goes", a.To, b.To, text)
		if a.Schedule != nil && b.Schedule != nil {
			moved(r, "cron", "when", a.Schedule.Cron, b.Schedule.Cron, text)
			moved(r, "zone", "the zone", a.Schedule.Zone, b.Schedule.Zone, text)
			moved(r, "data", "the data", string(a.Schedule.Data), string(b.Schedule.Data), text)
			moved(r, "missed", "what becomes of missed times", string(a.Schedule.Missed), string(b.Schedule.Missed), text)
		}
		if a.Subscription != nil && b.Subscription != nil {
			moved(r, "server", "the server", a.Subscription.Server, b.Subscription.Server, text)
		}
	}
}
