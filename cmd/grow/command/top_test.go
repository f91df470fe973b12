package command

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/mattn/go-runewidth"
)

// looks are two looks at a host, two seconds apart.
func looks() (before, now control.Status) {
	began := time.Date(2026, 5, 4, 12, 0, 0, 0, time.Local)
	before = control.Status{Service: "shop", Version: "1.2.0", Started: began, Time: began.Add(10 * time.Second), Nodes: []shard.NodeStatus{
		{Node: "checkout/pricing", Actor: "pricing", Handled: 100, Fuel: 1_000_000, FuelMax: 20_000, Busy: int64(time.Second), Capacity: 10000},
		{Node: "idle", Actor: "idle", Handled: 4, Fuel: 400, FuelMax: 200, Memory: 64 << 10, Instances: 1},
	}}
	now = before
	now.Time = before.Time.Add(2 * time.Second)
	now.Nodes = []shard.NodeStatus{
		{
			Node: "checkout/pricing", Actor: "pricing", Handled: 1090, Refused: 4, Failed: 6, Retried: 5, Dead: 1, Fuel: 3_000_000_000, FuelMax: 1_000_000_000,
			Busy: int64(4 * time.Second), Memory: 3 << 29, Instances: 8, Mailbox: 12, Capacity: 10000, LastCode: "limit.fuel",
		},
		before.Nodes[1],
		{Node: "new", Actor: "new", Handled: 3, Memory: 1 << 20, Instances: 1},
	}
	return before, now
}

func TestLoad(t *testing.T) {
	before, now := looks()
	l := loadOf(&before, &now)
	pricing := nodeLoad{
		Node: "checkout/pricing", Actor: "pricing", Rate: 500, Busy: 1.5, FuelRate: 1_499_500_000, FuelMean: 2_999_000, FuelMax: 1_000_000_000,
		Memory: 3 << 29, Instances: 8, Mailbox: 12, Capacity: 10000, Failed: 10, Retried: 5, Dead: 1, LastCode: "limit.fuel",
	}
	idle := nodeLoad{Node: "idle", Actor: "idle", FuelMean: 100, FuelMax: 200, Memory: 64 << 10, Instances: 1}
	fresh := nodeLoad{Node: "new", Actor: "new", Rate: 1.5, Memory: 1 << 20, Instances: 1}
	if diff := cmp.Diff([]nodeLoad{pricing, idle, fresh}, l.Nodes); diff != "" || l.Interval != 2000 || l.started {
		t.Error(diff, l.Interval, l.started)
	}
	if first := loadOf(nil, &before); !first.started || first.Interval != 10_000 || first.Nodes[0].Rate != 10 || first.Nodes[0].Busy != 0.1 {
		t.Errorf("since the start: %+v", first)
	}
	for by, want := range map[string]string{
		"fuel": "checkout/pricing idle new", "rate": "checkout/pricing new idle", "busy": "checkout/pricing idle new",
		"memory": "checkout/pricing new idle", "mailbox": "checkout/pricing idle new", "node": "checkout/pricing idle new",
	} {
		l.sortBy(by)
		var names []string
		for _, n := range l.Nodes {
			names = append(names, n.Node)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	if same := loadOf(&now, &now); same.Nodes[0].Rate != 0 {
		t.Errorf("two looks at one moment: %+v", same.Nodes[0])
	}
}

func TestTopTable(t *testing.T) {
	before, now := looks()
	l := loadOf(&before, &now)
	l.sortBy("fuel")
	var b bytes.Buffer
	if err := l.write(&b, 200); err != nil {
		t.Fatal(err)
	}
	want := `shop 1.2.0  12:00:12  last 2.0 s: 502 messages/s, 150% busy, 1.50G of fuel/s, 1.5GiB in 10 instances
NODE              ACTOR    MSG/S  BUSY  FUEL/S  FUEL/MSG   MOST  MEMORY  INSTANCES  MAILBOX  FAILED  RETRIED  DEAD  LAST
checkout/pricing  pricing    500  150%   1.50G     3.00M  1.00G  1.5GiB          8       12      10        5     1  limit.fuel
idle              idle         0    0%       0       100    200   64KiB          1        0       0        0     0
new               new        1.5    0%       0         0      0    1MiB          1        0       0        0     0

`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestTopFits: what is drawn is never wider or higher than the terminal, whatever
// the nodes are called and whatever codes their actors give.
func TestTopFits(t *testing.T) {
	before, now := looks()
	now.Nodes[0].LastCode = "evil\n\x1b[2J" + strings.Repeat("長", 500)
	now.Nodes[1].Node = strings.Repeat("a/", 200) + "b"
	now.Fault = strings.Repeat("broken ", 50)
	for i := range 30 {
		now.Nodes = append(now.Nodes, shard.NodeStatus{Node: strings.Repeat("n", i+1), Actor: "n"})
	}
	l := loadOf(&before, &now)
	for columns := 1; columns < 200; columns++ {
		for rows := 1; rows < 60; rows += 3 {
			lines := l.lines(columns, rows, "fuel")
			if len(lines) > rows {
				t.Fatalf("%d lines at %d rows", len(lines), rows)
			}
			for _, line := range lines {
				if runewidth.StringWidth(line) > columns || strings.ContainsAny(line, "\n\x1b") {
					t.Fatalf("%q at %d columns", line, columns)
				}
			}
		}
	}
	if lines := strings.Join(l.lines(120, 12, "rate"), "\n"); !strings.Contains(lines, "\n26 nodes more; sorted by rate: ") {
		t.Errorf("of many nodes:\n%s", lines)
	}
}

func TestQuantity(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0", 0.4: "0", 7: "7", 999: "999", 999.6: "1.00k", 1000: "1.00k", 9994: "9.99k", 9996: "10.0k", 34_210: "34.2k", 99_960: "100k",
		999_400: "999k", 999_600: "1.00M", 1_250_000: "1.25M", 2e9: "2.00G", 1e12: "1.00T", 3e21: "3000E",
	} {
		if got := quantity(n); got != want {
			t.Errorf("%v is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0", 0.04: "0.0", 1.5: "1.5", 12.4: "12", 1234: "1.23k"} {
		if got := rate(n); got != want {
			t.Errorf("%v a second is %s, want %s", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0KiB", 64 << 10: "64KiB", 1 << 20: "1MiB", 3 << 19: "1.5MiB", 1000 << 20: "1000MiB", 3 << 40: "3TiB"} {
		if got := memory(n); got != want {
			t.Errorf("%d bytes are %s, want %s", n, got, want)
		}
	}
}
