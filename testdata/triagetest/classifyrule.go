package triagetest

import (
	"cmp"
	"hash/crc32"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// thread is a text as the reader sends it.
type thread struct {
	Delivery    string   `json:"delivery"`
	Repository  string   `json:"repository"`
	Number      int      `json:"number"`
	PullRequest bool     `json:"pull_request"`
	Title       string   `json:"title"`
	Body        string   `json:"body"`
	Labels      []string `json:"labels"`
}

// Classified is what the classifier says of a thread.
type Classified struct {
	Number      int         `json:"number"`
	Seq         int         `json:"seq"`
	Delivery    string      `json:"delivery"`
	PullRequest bool        `json:"pull_request"`
	Language    string      `json:"language"`
	Kind        string      `json:"kind"`
	Urgency     string      `json:"urgency"`
	Duplicates  []duplicate `json:"duplicates"`
}

type duplicate struct {
	Number     int `json:"number"`
	Similarity int `json:"similarity"`
}

// remembered is a thread in the classifier's state.
type remembered struct {
	Classified
	Sketch []uint32 `json:"sketch"`
}

// memory is the classifier's state of one repository.
type memory struct {
	Seen    int          `json:"seen"`
	Threads []remembered `json:"threads"`
}

// row is a line of a table of docs/words.md.
type row struct {
	name    string
	entries []string
}

// readTables reads the tables of docs/words.md of the service's folder, by their
// headings.
func readTables(service string) (map[string][]row, error) {
	text, err := os.ReadFile(filepath.Join(service, "actors", "classify", "docs", "words.md"))
	if err != nil {
		return nil, err
	}
	all := map[string][]row{}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		heading, _, _ := strings.Cut(section, "\n")
		lines := regexp.MustCompile(`(?m)^\|.*\|$`).FindAllString(section, -1)
		for _, line := range lines[min(2, len(lines)):] { // behind the names of the columns
			cells := strings.Split(strings.Trim(line, "|"), " | ")
			entries := strings.Split(strings.TrimSpace(cells[len(cells)-1]), ", ")
			all[heading] = append(all[heading], row{strings.TrimSpace(cells[0]), entries})
		}
	}
	return all, nil
}

// reading is a thread as docs/requirements.md has it read. Its methods follow
// the numbers of that document.
type reading struct {
	thread
	words       map[string][]row
	raw         string // of the body, what counts
	prose       string // of the body, what is not left out
	title, body string // words, with a space around each
}

func newReading(words map[string][]row, th thread) *reading {
	r := &reading{thread: th, words: words}
	r.Title, r.raw = firstSigns(th.Title, 300), firstSigns(th.Body, 16000)
	r.prose = onlyProse(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(r.raw))
	r.title, r.body = spaced(r.Title), spaced(r.prose)
	return r
}

func firstSigns(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

var (
	commentForm = regexp.MustCompile(`(?s)<!--.*?(?:-->|$)`)
	quotedForm  = regexp.MustCompile("(?m)^ *>.*(?:\n|$)")
	codeForm    = regexp.MustCompile("`[^`\n]*`")
	addressForm = regexp.MustCompile("https?://[^ \t\n)>\"]*")
)

// onlyProse is requirement 6.
func onlyProse(body string) string {
	body = commentForm.ReplaceAllString(body, " ")
	var kept []string
	fence := ""
	for line := range strings.SplitSeq(body, "\n") {
		begin := strings.TrimLeft(line, " ")
		begin = begin[:min(3, len(begin))]
		switch {
		case fence != "":
			if begin == fence {
				fence = ""
			}
		case begin == "```" || begin == "~~~":
			fence = begin
		default:
			kept = append(kept, line)
		}
	}
	body = quotedForm.ReplaceAllString(strings.Join(kept, "\n"), "")
	return addressForm.ReplaceAllString(codeForm.ReplaceAllString(body, " "), " ")
}

var (
	foldForm  = regexp.MustCompile(`[A-Z\x{C0}-\x{D6}\x{D8}-\x{DE}\x{400}-\x{42F}]`)
	smallForm = regexp.MustCompile(`[a-z\x{E0}-\x{F6}\x{F8}-\x{FE}\x{430}-\x{45F}]`)
	aboveForm = regexp.MustCompile(`[\x{300}-\x{36F}]`)
	lower     = `a-z\x{DF}-\x{F6}\x{F8}-\x{17F}`
	cyrillic  = `\x{430}-\x{45F}`
	han       = `\x{3400}-\x{4DBF}\x{4E00}-\x{9FFF}\x{F900}-\x{FAFF}`
	kana      = `\x{3041}-\x{3096}\x{30A1}-\x{30FC}\x{31F0}-\x{31FF}\x{FF66}-\x{FF9D}`
	hangul    = `\x{1100}-\x{11FF}\x{3131}-\x{318E}\x{AC00}-\x{D7A3}`
	wordForm  = regexp.MustCompile(`[` + lower + cyrillic + `0-9]+|[` + han + kana + hangul + `]`)
)

// spaced is requirement 7: the words of a text, with a space before and behind each.
func spaced(text string) string {
	text = aboveForm.ReplaceAllString(text, "")
	text = foldForm.ReplaceAllStringFunc(text, func(s string) string {
		c, _ := utf8.DecodeRuneInString(s)
		if c >= 0x400 && c <= 0x40f {
			return string(c + 80)
		}
		return string(c + 32)
	})
	return " " + strings.Join(wordForm.FindAllString(text, -1), "  ") + " "
}

// spacedEntries are the entries of tables as spaced has them: every thread is held
// against all of them, and spacing them anew each time took most of these tests' time.
var spacedEntries sync.Map

func spacedEntry(entry string) string {
	if known, ok := spacedEntries.Load(entry); ok {
		return known.(string)
	}
	s := spaced(entry)
	spacedEntries.Store(entry, s)
	return s
}

// occurs is requirement 8.
func occurs(entry, words string) bool { return strings.Contains(words, spacedEntry(entry)) }

func (r *reading) classify() Classified {
	c := Classified{Number: r.Number, Delivery: r.Delivery, PullRequest: r.PullRequest, Language: r.language(), Kind: r.kind()}
	c.Urgency = r.urgency(c.Kind)
	return c
}

// language is requirements 9 to 11.
func (r *reading) language() string {
	words := r.title + r.body
	count := func(class string) int { return len(regexp.MustCompile(`[`+class+`]`).FindAllString(words, -1)) }
	latins, cyrillics, chinese, korean := count(lower), count(cyrillic), 3*count(han+kana), 3*count(hangul)
	most := max(latins, cyrillics, chinese, korean)
	switch {
	case latins+cyrillics+chinese+korean < 20:
		return "und"
	case latins == most:
		return r.latin()
	case cyrillics == most && 50*count(`\x{450}\x{452}-\x{45F}`) > cyrillics:
		return "und"
	case cyrillics == most:
		return "ru"
	case chinese == most && 30*count(kana) >= chinese:
		return "ja"
	case chinese == most:
		return "zh"
	}
	return "ko"
}

// latin is requirement 12.
func (r *reading) latin() string {
	points := map[string]int{}
	give := func(heading string, worth int, entry string) {
		var have []string
		for _, row := range r.words[heading] {
			if slices.Contains(row.entries, entry) {
				have = append(have, row.name)
			}
		}
		for _, language := range have {
			points[language] += worth / len(have)
		}
	}
	for word := range strings.FieldsSeq(r.title + r.body) {
		give("Stop words", 60, word)
		for _, c := range word {
			give("Marks", 30, string(c))
		}
		signs := []rune("_" + word + "_")
		for i := range len(signs) - 2 {
			give("Trigrams", 12, string(signs[i:i+3]))
		}
	}
	var order []string
	for _, row := range r.words["Stop words"] {
		order = append(order, row.name)
	}
	slices.SortFunc(order, func(a, b string) int { return points[b] - points[a] })
	if best, next := points[order[0]], points[order[1]]; best < 60 || best*10 < next*11 {
		return "und"
	}
	return order[0]
}

// kind is requirements 13 to 17.
func (r *reading) kind() string {
	points := map[string]int{}
	for _, row := range r.words["Labels of kinds"] {
		for _, label := range r.Labels {
			if slices.ContainsFunc(row.entries, func(e string) bool { return occurs(e, spaced(label)) }) {
				points[row.name] += 100
			}
		}
	}
	for _, row := range r.words["Heads of titles"] {
		if slices.Contains(row.entries, r.head()) {
			points[row.name] += 50
		}
	}
	for _, row := range r.words["Words of kinds"] {
		for _, entry := range row.entries {
			if occurs(entry, r.title) {
				points[row.name] += 5
			}
			if occurs(entry, r.body) {
				points[row.name] += 2
			}
		}
	}
	for _, entry := range r.words["Traces"][0].entries {
		if strings.Contains(r.raw, strings.Trim(entry, "`")) {
			points["bug"] += 3
		}
	}
	if end := strings.TrimRight(r.Title, " "); strings.HasSuffix(end, "?") || strings.HasSuffix(end, "\uff1f") {
		points["question"] += 5
	}
	if r.PullRequest {
		delete(points, "question")
	}
	best := "other"
	for _, kind := range []string{"security", "bug", "feature", "question", "docs", "chore"} {
		if points[kind] >= 4 && points[kind] > points[best] {
			best = kind
		}
	}
	return best
}

// head is requirement 14.
func (r *reading) head() string {
	end := ":"
	title, bracket := strings.CutPrefix(r.Title, "[")
	if bracket {
		end = "]"
	}
	head, _, found := strings.Cut(title, end)
	if !found {
		return ""
	}
	head, _, _ = strings.Cut(head, "(")
	return strings.Join(strings.Fields(spaced(head)), " ")
}

// urgency is requirements 18 to 21.
func (r *reading) urgency(kind string) string {
	for _, row := range r.words["Labels of urgency"] { // the most urgent first
		for _, label := range r.Labels {
			if slices.ContainsFunc(row.entries, func(e string) bool { return occurs(e, spaced(label)) }) {
				return row.name
			}
		}
	}
	points := 0
	for _, row := range r.words["Words of urgency"] {
		worth, _ := strconv.Atoi(row.name)
		for _, entry := range row.entries {
			switch said, negated := r.said(entry); {
			case said:
				points += worth
			case negated:
				points -= max(worth, 0)
			}
		}
	}
	if strings.Contains(r.Title+" "+r.prose, "!!!") {
		points += 2
	}
	capitals := len(foldForm.FindAllString(r.Title, -1))
	small := smallForm.MatchString(r.Title)
	if capitals >= 10 && !small {
		points += 2
	}
	if kind == "security" {
		points += 3
	}
	switch {
	case points >= 6:
		return "critical"
	case points >= 3:
		return "high"
	case points <= -2:
		return "low"
	}
	return "normal"
}

// said reports whether an entry occurs without a negation before it, and
// whether it does with one (requirement 19).
func (r *reading) said(entry string) (said, negated bool) {
	wanted := strings.Fields(spacedEntry(entry))
	for _, part := range []string{r.title, r.body} {
		words := strings.Fields(part)
		for i := range len(words) - len(wanted) + 1 {
			if !slices.Equal(words[i:i+len(wanted)], wanted) {
				continue
			}
			if slices.ContainsFunc(words[max(0, i-3):i], r.negates) {
				negated = true
			} else {
				said = true
			}
		}
	}
	return said, negated
}

func (r *reading) negates(word string) bool {
	return slices.Contains(r.words["Negations"][0].entries, word)
}

// sketch is requirement 22.
func (r *reading) sketch() []uint32 {
	words := strings.Fields(r.title + r.body)
	sketch := []uint32{}
	if len(words) < 4 {
		return sketch
	}
	for i := range len(words) - 2 {
		h := crc32.ChecksumIEEE([]byte(words[i] + " " + words[i+1] + " " + words[i+2]))
		h ^= h >> 16
		h *= 0x85ebca6b
		h ^= h >> 13
		h *= 0xc2b2ae35
		h ^= h >> 16
		sketch = append(sketch, h)
	}
	slices.Sort(sketch)
	sketch = slices.Compact(sketch)
	return sketch[:min(48, len(sketch))]
}

// similarity is requirement 23.
func similarity(a, b []uint32) int {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	union := slices.Concat(a, b)
	slices.Sort(union)
	union = slices.Compact(union)
	union = union[:min(48, len(union))]
	both := 0
	for _, n := range union {
		if slices.Contains(a, n) && slices.Contains(b, n) {
			both++
		}
	}
	return 1000 * both / len(union)
}

// see is requirements 1, 4 and 24: it classifies a thread as the next one of
// its repository.
func (m *memory) see(r *reading, remember, similar int) Classified {
	c, sketch := r.classify(), r.sketch()
	m.Seen++
	c.Seq, c.Duplicates = m.Seen, []duplicate{}
	kept := []remembered{}
	for _, other := range m.Threads {
		if other.Number == c.Number {
			continue
		}
		kept = append(kept, other)
		if s := similarity(sketch, other.Sketch); s >= similar {
			c.Duplicates = append(c.Duplicates, duplicate{other.Number, s})
		}
	}
	slices.SortFunc(c.Duplicates, func(a, b duplicate) int {
		return cmp.Or(b.Similarity-a.Similarity, a.Number-b.Number)
	})
	c.Duplicates = c.Duplicates[:min(5, len(c.Duplicates))]
	kept = append(kept, remembered{c, sketch})
	m.Threads = kept[max(0, len(kept)-remember):]
	return c
}
