package compare

import (
	"slices"
	"strings"
	"testing"
)

// TestSources: what differs between the schedules and subscriptions of two revisions.
func TestSources(t *testing.T) {
	const before = `schedule: {nightly: {cron: "0 3 * * *", send: order.get, to: orders, data: {id: a}}, gone: {cron: "@daily", send: order.get, to: orders, data: {id: a}}}
subscribe: {erp.new: {send: order.placed, to: checkout}}
`
	const after = `schedule: {nightly: {cron: "0 4 * * *", zone: Europe/Berlin, send: order.get, to: orders, data: {id: b}, missed: all}}
subscribe: {erp.new: {send: order.placed, to: checkout, server: erp}, erp.old: {send: order.placed, to: checkout}}
`
	old, new := load(t, edited(t, web, "", before)), load(t, edited(t, web, "", after))
	want := []string{
		"warn schedule gone: is gone: its messages come no more",
		"ok schedule nightly: cron: when changed from 0 3 * * * to 0 4 * * *",
		"ok schedule nightly: zone: the zone changed from UTC to Europe/Berlin",
		`ok schedule nightly: data: the data changed from {"id":"a"} to {"id":"b"}`,
		"ok schedule nightly: missed: what becomes of missed times changed from once to all",
		"ok subscribe erp.new: server: the server changed from default to erp",
		"ok subscribe erp.old: is new",
	}
	if got := lines(Services(old, new, Options{})); !slices.Equal(got, want) {
		t.Errorf("changes are\n\t%s", strings.Join(got, "\n\t"))
	}
}
