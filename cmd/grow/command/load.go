package command

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/shard"
	"github.com/mattn/go-runewidth"
)

// load is what a host and its nodes did in a time.
type load struct {
	Time     time.Time       `json:"time"`
	Interval int64           `json:"interval_ms"`
	Service  string          `json:"service"`
	Fault    string          `json:"fault,omitempty"` // why nothing more is accepted
	Journal  control.Journal `json:"journal"`
	Nodes    []nodeLoad      `json:"nodes"`

	started bool // the interval is all since the host started
}

// nodeLoad is what one node did; attempts are what of messages was handled,
// refused or failed.
type nodeLoad struct {
	Node      string  `json:"node"`
	Actor     string  `json:"actor"`
	Rate      float64 `json:"rate"`      // attempts a second
	Busy      float64 `json:"busy"`      // processors
	FuelRate  float64 `json:"fuel_rate"` // units a second
	FuelMean  float64 `json:"fuel_mean"` // units of an attempt; where there was none, of all since the start
	FuelMax   uint64  `json:"fuel_max"`  // units of the attempt that used most, since the start
	Memory    int64   `json:"memory"`    // bytes of all instances
	Instances int     `json:"instances"`
	Mailbox   int64   `json:"mailbox"`
	Capacity  int     `json:"capacity"`
	Failed    uint64  `json:"failed"` // refusals too; this and what follows since the start
	Retried   uint64  `json:"retried"`
	Dead      uint64  `json:"dead"`
	LastCode  string  `json:"last_code"` // of the last that was refused or failed
}

// loadOf is what was done between two looks; without the first, since the start.
func loadOf(before, now *control.Status) *load {
	since := now.Started
	was := map[string]*shard.NodeStatus{}
	if before != nil {
		since = before.Time
		for i := range before.Nodes {
			was[before.Nodes[i].Node] = &before.Nodes[i]
		}
	}
	passed := max(now.Time.Sub(since), time.Millisecond)
	l := &load{
		Time: now.Time, Interval: passed.Milliseconds(), Service: strings.TrimSpace(now.Service + " " + now.Version), Fault: now.Fault, Journal: now.Journal,
		Nodes: []nodeLoad{}, started: before == nil,
	}
	for i := range now.Nodes {
		n := &now.Nodes[i]
		if onlyMigrates(now, n) {
			continue
		}
		l.Nodes = append(l.Nodes, nodeLoadOf(was[n.Node], n, passed.Seconds()))
	}
	return l
}

func nodeLoadOf(was, n *shard.NodeStatus, seconds float64) nodeLoad {
	if was == nil {
		was = &shard.NodeStatus{}
	}
	did, fuel := float64(attempts(n)-attempts(was)), float64(n.Fuel-was.Fuel)
	l := nodeLoad{
		Node: n.Node, Actor: n.Actor, Rate: rounded(did / seconds), Busy: rounded(float64(n.Busy-was.Busy) / float64(time.Second) / seconds),
		FuelRate: rounded(fuel / seconds), FuelMean: rounded(fuelMean(n)), FuelMax: n.FuelMax, Memory: n.Memory, Instances: n.Instances,
		Mailbox: n.Mailbox, Capacity: n.Capacity, Failed: n.Failed + n.Refused, Retried: n.Retried, Dead: n.Dead, LastCode: n.LastCode,
	}
	if did > 0 {
		l.FuelMean = rounded(fuel / did)
	}
	return l
}

// rounded leaves three digits behind the point.
func rounded(n float64) float64 { return math.Round(n*1000) / 1000 }

func attempts(n *shard.NodeStatus) uint64 { return n.Handled + n.Refused + n.Failed }

// fuelMean is the fuel of an attempt, since the start.
func fuelMean(n *shard.NodeStatus) float64 {
	if attempts(n) == 0 {
		return 0
	}
	return float64(n.Fuel) / float64(attempts(n))
}

// topSorts are what nodes can be sorted by.
var topSorts = []string{"fuel", "rate", "busy", "memory", "mailbox", "node"}

// topKeys are the keys that sort.
var topKeys = map[byte]string{'f': "fuel", 'r': "rate", 'b': "busy", 'm': "memory", 'x': "mailbox", 'n': "node"}

const topHelp = "f fuel, r rate, b busy, m memory, x mailbox, n node; q ends"

// sortBy puts those first that have most, and nodes by name that have the same.
func (l *load) sortBy(what string) {
	value := func(n *nodeLoad) float64 {
		switch what {
		case "fuel":
			return n.FuelRate
		case "rate":
			return n.Rate
		case "busy":
			return n.Busy
		case "memory":
			return float64(n.Memory)
		case "mailbox":
			return float64(n.Mailbox)
		}
		return 0
	}
	slices.SortFunc(l.Nodes, func(a, b nodeLoad) int {
		return cmp.Or(cmp.Compare(value(&b), value(&a)), cmp.Compare(a.Node, b.Node))
	})
}

// column is one of the table; of those that do not fit the one with the greatest
// spare goes first, and that with none stays.
type column struct {
	head  string
	spare int
	left  bool // text, and not a number
	cell  func(n *nodeLoad) string
}

var topColumns = []column{
	{"NODE", 0, true, func(n *nodeLoad) string { return n.Node }},
	{"ACTOR", 9, true, func(n *nodeLoad) string { return n.Actor }},
	{"MSG/S", 0, false, func(n *nodeLoad) string { return rate(n.Rate) }},
	{"BUSY", 3, false, func(n *nodeLoad) string { return strconv.Itoa(int(math.Round(100*n.Busy))) + "%" }},
	{"FUEL/S", 0, false, func(n *nodeLoad) string { return quantity(n.FuelRate) }},
	{"FUEL/MSG", 1, false, func(n *nodeLoad) string { return quantity(n.FuelMean) }},
	{"MOST", 4, false, func(n *nodeLoad) string { return amount(n.FuelMax) }},
	{"MEMORY", 1, false, func(n *nodeLoad) string { return memory(n.Memory) }},
	{"INSTANCES", 6, false, func(n *nodeLoad) string { return strconv.Itoa(n.Instances) }},
	{"MAILBOX", 2, false, func(n *nodeLoad) string { return strconv.FormatInt(n.Mailbox, 10) }},
	{"FAILED", 4, false, func(n *nodeLoad) string { return amount(n.Failed) }},
	{"RETRIED", 8, false, func(n *nodeLoad) string { return amount(n.Retried) }},
	{"DEAD", 5, false, func(n *nodeLoad) string { return amount(n.Dead) }},
	{"LAST", 7, true, func(n *nodeLoad) string { return n.LastCode }},
}

// textMax is how many columns of a terminal a text of the table takes.
const textMax = 40

// table are the lines of the table, heads first, each at most so many columns wide.
func (l *load) table(width int) []string {
	var columns [][]string
	for _, c := range topColumns {
		cells := []string{c.head}
		for i := range l.Nodes {
			text := cell(c.cell(&l.Nodes[i]))
			cells = append(cells, runewidth.Truncate(text, textMax, "…"))
		}
		columns = append(columns, padded(cells, c.left))
	}
	shown := slices.Clone(topColumns)
	total := func() int {
		sum := 2 * (len(columns) - 1)
		for _, cells := range columns {
			sum += runewidth.StringWidth(cells[0])
		}
		return sum
	}
	for total() > width {
		most := 0
		for i, c := range shown {
			if c.spare > shown[most].spare {
				most = i
			}
		}
		if shown[most].spare == 0 {
			break
		}
		columns, shown = slices.Delete(columns, most, most+1), slices.Delete(shown, most, most+1)
	}
	lines := make([]string, 1+len(l.Nodes))
	for i := range lines {
		var cells []string
		for _, column := range columns {
			cells = append(cells, column[i])
		}
		lines[i] = runewidth.Truncate(strings.TrimRight(strings.Join(cells, "  "), " "), width, "…")
	}
	return lines
}

// padded makes texts as wide as the widest.
func padded(cells []string, left bool) []string {
	most := 0
	for _, text := range cells {
		most = max(most, runewidth.StringWidth(text))
	}
	for i, text := range cells {
		if left {
			cells[i] = runewidth.FillRight(text, most)
		} else {
			cells[i] = runewidth.FillLeft(text, most)
		}
	}
	return cells
}

// head is a line on all nodes.
func (l *load) head() string {
	var sum nodeLoad
	for i := range l.Nodes {
		n := &l.Nodes[i]
		sum.Rate, sum.Busy, sum.FuelRate = sum.Rate+n.Rate, sum.Busy+n.Busy, sum.FuelRate+n.FuelRate
		sum.Memory, sum.Instances = sum.Memory+n.Memory, sum.Instances+n.Instances
	}
	over := "last " + short(time.Duration(l.Interval)*time.Millisecond)
	if l.started {
		over = "since the start"
	}
	return fmt.Sprintf("%s  %s  %s: %s messages/s, %.0f%% busy, %s of fuel/s, %s in %s",
		cell(l.Service), l.Time.Local().Format("15:04:05"), over, rate(sum.Rate), 100*sum.Busy, quantity(sum.FuelRate), memory(sum.Memory), count(sum.Instances, "instance"))
}

// write writes the whole as text.
func (l *load) write(w io.Writer, width int) error {
	lines := []string{runewidth.Truncate(l.head(), width, "…")}
	if l.Journal.At != "" {
		lines = append(lines, runewidth.Truncate("journal "+journalLine(&l.Journal), width, "…"))
	}
	lines = append(lines, l.table(width)...)
	if l.Fault != "" {
		lines = append(lines, "NOTHING MORE IS ACCEPTED: "+cell(l.Fault))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n")+"\n")
	return err
}

// lines are what fits on a screen: a head, the table, and the keys.
func (l *load) lines(columns, rows int, by string) []string {
	list := []string{l.head(), ""}
	if l.Fault != "" {
		list[1] = "NOTHING MORE IS ACCEPTED: " + cell(l.Fault)
	}
	list = append(list, l.table(columns)...)
	keys := "sorted by " + by + ": " + topHelp
	const around = 2 // an empty line and the keys
	if over := len(list) + around - rows; over > 0 {
		keep := max(3, len(list)-over)
		keys = count(len(list)-keep, "node") + " more; " + keys
		list = list[:min(keep, len(list))]
	}
	list = append(list, "", keys)
	for i := range list {
		list[i] = runewidth.Truncate(list[i], columns, "…")
	}
	return list[:min(len(list), rows)]
}

// rate is a number of messages a second.
func rate(n float64) string {
	if n > 0 && n < 10 {
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return quantity(n)
}

// amount is quantity of a whole number.
func amount(n uint64) string { return quantity(float64(n)) }

// quantity is a number as people read it: 950, 34.2k, 1.25M, 2.3G.
func quantity(n float64) string {
	suffix := ""
	for _, next := range []string{"k", "M", "G", "T", "P", "E"} {
		if n < 999.5 {
			break
		}
		n, suffix = n/1000, next
	}
	if suffix == "" {
		return strconv.FormatFloat(math.Round(n), 'f', 0, 64)
	}
	digits := 2 // behind the point: three in all
	for _, limit := range []float64{9.995, 99.95} {
		if n >= limit {
			digits--
		}
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + suffix
}

// memory is a number of bytes as people read it: 512 KiB, 1.5 MiB.
func memory(bytes int64) string {
	n, suffix := float64(bytes)/1024, "KiB"
	for _, next := range []string{"MiB", "GiB", "TiB"} {
		if n < 1024 {
			break
		}
		n, suffix = n/1024, next
	}
	digits := 0
	if n < 10 && n != math.Trunc(n) {
		digits = 1
	}
	return strconv.FormatFloat(n, 'f', digits, 64) + suffix
}
