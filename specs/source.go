package specs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/grow-platform/grow/specs/cron"
	"github.com/grow-platform/grow/specs/schema"
)

// resolveSources reads grow.yaml's schedule and subscribe, and checks what they say of
// types and targets.
func (l *loader) resolveSources() {
	for _, kind := range []struct {
		key, name string
		read      func(*endpointFile, string, *Source)
	}{{"schedule", "#Name", readSchedule}, {"subscribe", "#Subject", readSubscription}} {
		list := l.tree.Get(kind.key)
		if list == nil || list.Kind != schema.Map {
			continue
		}
		for _, f := range list.Fields {
			if f.Value.Kind != schema.Map || !schema.Lookup(kind.name).Fits(f.Key) {
				continue // that is said already
			}
			e := &endpointFile{loader: l, n: f.Value, where: schema.Join(kind.key, f.Key), def: &Endpoint{At: at(l.file, f.Pos)}}
			e.def.Send, e.def.To = f.Value.Get("send").String(), f.Value.Get("to").String()
			s := &Source{Name: kind.key + " " + f.Key, Send: e.def.Send, To: e.def.To, At: e.def.At}
			e.resolve(false)
			kind.read(e, f.Key, s)
			l.service.Sources = append(l.service.Sources, s)
		}
	}
}

func readSchedule(e *endpointFile, _ string, s *Source) {
	n := e.n
	d := &Schedule{Cron: n.Get("cron").String(), Zone: "UTC", Data: []byte("{}"), Missed: MissedOnce}
	if v := n.Get("zone"); v != nil {
		d.Zone = v.String()
	}
	if v := n.Get("missed"); v != nil {
		d.Missed = Missed(v.String())
	}
	if v := n.Get("cron"); v != nil {
		if _, err := cron.Parse(d.Cron, d.Zone); errors.Is(err, cron.ErrZone) {
			e.wrong("zone", "spec.schedule", err.Error())
		} else if err != nil {
			e.wrong("cron", "spec.schedule", err.Error())
		}
	}
	key := "send"
	if v := n.Get("data"); v != nil {
		key, d.Data = "data", v.JSON(nil)
	}
	if t := e.service.Types[s.Send]; t != nil {
		if err := t.Check(d.Data); err != nil {
			e.wrong(key, "spec.schedule", fmt.Sprintf("what is sent is no %s: %v", s.Send, err), "say in data what is in the message")
		}
	}
	s.Schedule = d
}

func readSubscription(e *endpointFile, subject string, s *Source) {
	d := &Subscription{Via: ViaNATS, Server: "default", Subject: subject, New: e.n.Get("from").String() == "new"}
	if v := e.n.Get("server"); v != nil {
		d.Server = v.String()
	}
	if v := e.n.Get("via"); v != nil {
		d.Via = Via(v.String())
	}
	if d.Via != ViaNATS && strings.ContainsAny(subject, "*>") {
		e.problem(e.file, e.n.Pos, e.where, "spec.value", fmt.Sprintf("%s has a wildcard, which %s does not know", subject, d.Via), "name one topic or stream")
	}
	s.Subscription = d
}
