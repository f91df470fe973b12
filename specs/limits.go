package specs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/grow-platform/grow/abi"
	"github.com/grow-platform/grow/specs/schema"
)

// What limits may be set to, and those defaults that depend on more than their
// own field, and so are not in the schema.
const (
	pythonMemory       = 64 << 20 // bytes
	memoryMin          = 64 << 10 // bytes: one page of Wasm
	memoryMax          = 4 << 30  // bytes: what 32 bits address
	pageSize     int64 = 64 << 10
	outputMax          = 32 << 20 // bytes: with what else a message leaves, one entry of the journal holds it
	timeMin            = time.Millisecond
	timeMax            = 10 * time.Minute
	fuelMin            = 1_000             // units: no module does anything with less
	fuelMax            = 1_000_000_000_000 // units: some minutes
)

// isolationProcess is the isolation of an actor whose instances run in a process of their own.
const isolationProcess = "process"

// fuelFastest is how much fuel a second uses on the fastest machine that is
// thought of; others use less.
const fuelFastest = 5_000_000_000

func (l *loader) limits(file string, n *schema.Node, language string) Limits {
	limits := Limits{Memory: abi.MemoryDefault, Output: abi.OutputBytesMax, Calls: abi.RequestsMax, Answers: abi.AnswerBytesMax, Fuel: abi.FuelDefault}
	if language == "python" {
		limits.Memory = pythonMemory
	}
	if n == nil {
		return limits
	}
	set := limit{l, file, n}
	set.size("memory", &limits.Memory, memoryMin, memoryMax, "from 64KiB to 4GiB")
	limits.Memory = (limits.Memory + pageSize - 1) / pageSize * pageSize
	set.size("output", &limits.Output, 1, outputMax, "from 1B to 32MiB")
	if v := n.Get("calls"); v != nil {
		limits.Calls = int(v.Int())
	}
	set.size("answers", &limits.Answers, 1, abi.AnswerBytesMax, "from 1B to 16MiB")
	set.time(&limits.Time)
	if set.fuel(&limits.Fuel) {
		set.apart(&limits)
	}
	return limits
}

// targets reads how fast an actor or a workflow is meant to be; what has another form the schema reports.
func targets(n *schema.Node) (t Targets) {
	if v := n.Get("p99"); v != nil && schema.Lookup("#Duration").Fits(v.Text) {
		t.P99 = duration(v.Text)
	}
	if v := n.Get("rate"); v != nil && schema.Lookup("#Rate").Fits(v.Text) {
		count, unit, _ := strings.Cut(v.Text, "/")
		t.Rate, _ = strconv.ParseFloat(count, 64) // of this form: it has passed
		if unit == "min" {
			t.Rate /= 60
		}
	}
	return t
}

// limit reads the limits of one definition.
type limit struct {
	*loader
	file string
	from *schema.Node
}

// value is what stands for a limit, when it has the form it should have.
func (l limit) value(key, form string) *schema.Node {
	if v := l.from.Get(key); v != nil && len(schema.Lookup(form).Check(v)) == 0 {
		return v
	}
	return nil
}

func (l limit) outOfRange(key string, v *schema.Node, span string) {
	l.problem(l.file, v.Pos, "limits."+key, "spec.value", fmt.Sprintf("%s is out of range; it must be %s", v, span))
}

func (l limit) size(key string, into *int64, least, most int64, span string) {
	v := l.value(key, "#Size")
	if v == nil {
		return
	}
	if b := size(v.String()); b < least || b > most {
		l.outOfRange(key, v, span)
	} else {
		*into = b
	}
}

func (l limit) time(into *time.Duration) {
	v := l.value("time", "#Duration")
	if v == nil {
		return
	}
	if d := duration(v.String()); d < timeMin || d > timeMax {
		l.outOfRange("time", v, "from 1ms to 10m")
	} else {
		*into = d
	}
}

// fuel reports whether there is some that is valid.
func (l limit) fuel(into *uint64) bool {
	v := l.value("fuel", "#Fuel")
	if v == nil {
		return false
	}
	n := units(v.Text)
	if v.Kind != schema.String {
		n = uint64(max(0, v.Int()))
	}
	if n < fuelMin || n > fuelMax {
		l.outOfRange("fuel", v, "from 1k to 1000G")
		return false
	}
	*into = n
	return true
}

// apart warns of a fuel that no message comes to, since its time is up before on
// any machine: such a message stops at another place each time.
func (l limit) apart(limits *Limits) {
	allowed, set := limits.Time, "time: "+schema.Duration(limits.Time)
	if allowed == 0 {
		allowed, set = abi.TimeCallsDefault, "the time, "+schema.Duration(abi.TimeCallsDefault)+" when none is set,"
	}
	needs := time.Duration(float64(limits.Fuel) / fuelFastest * float64(time.Second))
	if needs <= allowed {
		return
	}
	v := l.from.Get("fuel")
	l.warn(l.file, v.Pos, "limits.fuel", "spec.no-effect",
		fmt.Sprintf("%s takes more than %s to use up, and %s ends before", v, schema.Duration(needs.Round(time.Millisecond)), set),
		fmt.Sprintf("raise time, or lower fuel to %s or less", schema.Count(uint64(allowed.Seconds()*fuelFastest))))
}
