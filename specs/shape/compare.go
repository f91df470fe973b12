package shape

import "strings"

// Role is the side of a type that a promise was made to.
type Role uint8

// The roles. Fields that neither side names are no part of the promise:
// consumers ignore what they do not know.
const (
	In  Role = iota // what a consumer sends: the new type accepts all that the old did
	Out             // what a consumer receives: the old type accepts all that the new sends
)

// String is "in" or "out".
func (r Role) String() string {
	if r == In {
		return "in"
	}
	return "out"
}

// Verdict says what a change means for those who keep to the old type.
type Verdict uint8

// The verdicts, from harmless to harmful.
const (
	Ok    Verdict = iota // nothing that worked fails
	Warn                 // nothing is refused, yet something may no longer mean what it did
	Break                // messages that passed are refused
)

// String is "ok", "warn" or "BREAK".
func (v Verdict) String() string { return [...]string{"ok", "warn", "BREAK"}[v] }

// Change is one difference between two types.
type Change struct {
	Path    string // JSON pointer; * stands for any item of a list or any key of a map
	Code    string // stable, such as required.added
	Message string // what changed, lower case, about the value at Path
	In, Out Judgement
}

// Of is the judgement in one role.
func (c *Change) Of(r Role) Judgement {
	if r == In {
		return c.In
	}
	return c.Out
}

// Judgement is what a change means in one role.
type Judgement struct {
	Verdict Verdict
	// Example is a whole message that one side sends and the other refuses; nil
	// when the verdict is Ok, or when none could be built.
	Example []byte
	// Refusal is why Example is refused, path first: at the place of the change
	// where that is among the reasons.
	Refusal string
	// Undecided: no proof either way was found, such as for two formats of text.
	// It is a Break, or a Warn when recorded messages pass.
	Undecided bool
	Recorded  int // messages that spoke for an undecided change
}

// CompareOptions says what else is known of two types.
type CompareOptions struct {
	// Sent are recorded messages of consumers, which decide in the role In what
	// proof cannot; Received those that the new revision sent, in the role Out.
	// They also serve as examples. Those that the sending type refuses are passed over.
	Sent, Received [][]byte
	// Config: the types are read by [Type.Defaults], where an unknown field is a
	// mistake and constants need not be given.
	Config bool
}

// Compare lists what is different between two types, in the order of the
// fields, each with what it means in both roles. A role without a Warn or a
// Break is proof: no message of declared fields that the one side accepts is
// refused by the other. Every Example has been checked against both types.
func Compare(old, new *Type, o CompareOptions) []Change {
	root := &spot{old: old, new: new}
	steps := regularTotalMax
	c := &comparison{opts: o, root: root, left: compareMax, regular: &steps}
	for r := range c.build {
		c.build[r] = builder{work: workMax, regular: c.regular, plain: map[plainKey][]byte{}}
	}
	c.defaults(root, root.old.def, root.new.def)
	c.types(root)
	changes := make([]Change, len(c.found))
	for i, f := range c.found {
		changes[i] = Change{Path: f.at.pointer(), Code: f.code, Message: f.message + f.at.where, In: c.judge(f, In), Out: c.judge(f, Out)}
	}
	return changes
}

// Worst is the gravest verdict of some changes in one role.
func Worst(changes []Change, r Role) Verdict {
	worst := Ok
	for i := range changes {
		worst = max(worst, changes[i].Of(r).Verdict)
	}
	return worst
}

// compareMax is how many pairs of types one comparison looks at.
const compareMax = 200_000

// loss says whether the one side accepts less than the other.
type loss uint8

const (
	none   loss = iota // all is accepted, which is proven
	hint               // all is accepted, yet a person should look
	open               // refused is only what an open struct let through unnamed
	unsure             // neither is proven
	lost               // something is refused
)

// finding is a change while it is looked for.
type finding struct {
	at              *spot
	code, message   string
	narrows, widens loss   // what the new type refuses of the old, and the old of the new
	above           bool   // the examples are of the object around the place
	without         string // and leave this field out
}

// spot is a place in both types.
type spot struct {
	old, new *Type
	up       *spot
	step     compareStep
	name     string // of the step: a field, or what is shown of an index
	index    int    // of the item
	tag      string // a field that was compared already: it tells the arms apart
	where    string // the end of a sentence: which arm of a union this is in
}

// compareStep is how a spot lies in the one above.
type compareStep uint8

const (
	sameValue compareStep = iota // an arm of a union
	fieldStep
	keyStep // a field that a pattern names
	itemStep
)

func (s *spot) pointer() string {
	if s.up == nil {
		return ""
	}
	if s.step == sameValue {
		return s.up.pointer()
	}
	return s.up.pointer() + pointer(s.name)
}

// below is a place within s.
func (s *spot) below(kind compareStep, name string, old, new *Type) *spot {
	return &spot{old: old, new: new, up: s, step: kind, name: name, where: s.where}
}

// arm is the same place with one arm of each type.
func (s *spot) arm(old, new *Type) *spot {
	return &spot{old: old, new: new, up: s, step: sameValue, where: s.where}
}

// sides are the type that sends and the one that receives in a role.
func (s *spot) sides(r Role) (sender, receiver *Type) {
	if r == In {
		return s.old, s.new
	}
	return s.new, s.old
}

// comparison is the state of one Compare.
type comparison struct {
	opts  CompareOptions
	root  *spot
	build [2]builder // in each role
	found []finding
	left  int // pairs that may still be looked at
	// regular is how many steps may still be taken to hold patterns against each other.
	regular *int
}

func (c *comparison) add(f finding) { c.found = append(c.found, f) }

// within compares two types on the side and returns what the second refuses of the first.
func (c *comparison) within(compare func(sub *comparison)) loss {
	sub := &comparison{opts: c.opts, left: c.left, regular: c.regular}
	compare(sub)
	c.left = sub.left
	worst := none
	for _, f := range sub.found {
		if f.narrows != hint {
			worst = max(worst, f.narrows)
		}
	}
	return worst
}

// misses is what b refuses of a.
func (c *comparison) misses(a, b *Type) loss {
	return c.within(func(sub *comparison) { sub.types(&spot{old: a, new: b}) })
}

// same reports whether two types accept the same.
func (c *comparison) same(a, b *Type) bool { return c.misses(a, b) == none && c.misses(b, a) == none }

// judge weighs a finding in one role and looks for a message that shows it.
func (c *comparison) judge(f finding, r Role) Judgement {
	l := f.narrows
	if r == Out {
		l = f.widens
	}
	j := Judgement{Verdict: Break}
	switch l {
	case none:
		return Judgement{}
	case hint:
		return Judgement{Verdict: Warn}
	case open:
		j.Verdict = Warn
	}
	j.Example, j.Refusal = c.example(f, r)
	if l != unsure || j.Example != nil {
		return j
	}
	j.Undecided = true
	if j.Recorded = c.spoken(r); j.Recorded > 0 {
		j.Verdict = Warn
	}
	return j
}

// spoken is how many recorded messages the sending side accepts, when the
// receiving side accepts every one of these.
func (c *comparison) spoken(r Role) int {
	n := 0
	sender, receiver := c.root.sides(r)
	for _, m := range c.recorded(r) {
		if !c.accepts(sender, m) {
			continue
		}
		if !c.accepts(receiver, m) {
			return 0
		}
		n++
	}
	return n
}

func (c *comparison) recorded(r Role) [][]byte {
	if r == In {
		return c.opts.Sent
	}
	return c.opts.Received
}

func (c *comparison) accepts(t *Type, data []byte) bool { return c.refusal(t, data) == nil }

func (c *comparison) refusal(t *Type, data []byte) error {
	if c.opts.Config {
		_, err := t.Defaults(data)
		return err
	}
	return t.Check(data)
}

// defaults compares what stands for a value that was left out.
func (c *comparison) defaults(s *spot, old, new []byte) {
	switch a, b := string(old), string(new); {
	case a == b:
	case old == nil:
		c.add(finding{at: s, code: "default.changed", message: "has the default " + shorten(b) + " now", narrows: hint, widens: hint})
	case new == nil:
		c.add(finding{at: s, code: "default.changed", message: "has no default any more; it was " + shorten(a), narrows: hint, widens: hint})
	default:
		c.add(finding{at: s, code: "default.changed", message: "the default changed from " + shorten(a) + " to " + shorten(b), narrows: hint, widens: hint})
	}
}

// shorten keeps what is quoted in a sentence short.
func shorten(s string) string {
	const longest = 60
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "…"
}
