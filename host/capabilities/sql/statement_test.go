package sql

import (
	"strings"
	"testing"
)

// TestLexicons: what is one statement depends on how a database reads texts and comments.
func TestLexicons(t *testing.T) {
	sqlite, postgres := sqliteLexicon, postgresLexicon
	for _, c := range []struct {
		text             string
		sqlite, postgres bool // it is one statement
	}{
		{"select ';'", true, true},
		{"select ''';'", true, true},
		{`select ";" from a`, true, true},
		{"select `;` from a", true, false},
		{"select [;] from a", true, false},
		{"select a[1] from a", true, true},
		{"select $$;$$", false, true},
		{"select $a$;$$;$a$", false, true},
		{"select $1 ; ", true, true},
		{`select '\';' `, false, false},
		{`select e'\';' `, false, true},
		{"select /* ; */ 1 -- ;", true, true},
		{"select /* /* */ ; */ 1", false, true},
		{"select 1 ;; -- a\n", true, true},
		{"select 1; select 2", false, false},
		{"(select 1)", true, true},
	} {
		for name, x := range map[string]struct {
			l    lexicon
			want bool
		}{"sqlite": {sqlite, c.sqlite}, "postgres": {postgres, c.postgres}} {
			if _, err := x.l.read(c.text, queries); (err == nil) != x.want {
				t.Errorf("%s: %q: %v", name, c.text, err)
			}
		}
	}
}

// TestRows: which statements answer with rows.
func TestRows(t *testing.T) {
	for text, want := range map[string]bool{
		"select 1": true, "values (1)": true, "insert into a values (1)": false, "insert into a values (1) RETURNING b": true,
		"insert into a values ('returning')": false, "with a as (select 1) select 1": true, "with a as (select 1) insert into b select 1": false,
		"with a as (select 1 for update) select 1": true, "with a as (select 1) update b set c = 1": false,
	} {
		if s, err := (lexicon{}).read(text, changes); err != nil || s.rows != want {
			t.Errorf("%s: %v %+v", text, err, s)
		}
	}
}

// TestParameters: how many there are, as far as they are numbered; arguments are as many.
func TestParameters(t *testing.T) {
	for text, want := range map[string]int{
		"select 1": 0, "select $1": 1, "select $2, $1, $2 from a": 2, "select '$3', \"$4\" -- $5\n": 0, "select $12": 12,
		"select ?": -1, "select ?1, ?2": -1, "select :a": -1, "select @a, $1": -1, "select $a": -1, "select $1::int": -1,
	} {
		for name, l := range map[string]lexicon{"sqlite": sqliteLexicon, "postgres": postgresLexicon} {
			if s, err := l.read(text, queries); err != nil || s.params != want {
				t.Errorf("%s: %s: %v %+v, want %d", name, text, err, s, want)
			}
		}
	}
	if s, err := postgresLexicon.read("create function f(int) returns int language sql return $1 + 1", changes); err != nil || s.params != -1 {
		t.Errorf("a function: %+v, %v", s, err)
	}
	for data, want := range map[string]string{
		`{"sql": "select $1, $2", "args": [1, 2]}`:                    "",
		`{"sql": "select $1", "args": [1, 2]}`:                        "the statement has 1 parameters, and there are 2 arguments",
		`{"sql": "select $1, $2", "args": [1]}`:                       "the statement has 2 parameters, and there are 1 arguments",
		`{"sql": "select 1", "args": [null]}`:                         "the statement has 0 parameters, and there are 1 arguments",
		`{"sql": "select ?, ?", "args": [1, 2]}`:                      "",
		`{"statements": [{"sql": "select 1"}, {"sql": "select $1"}]}`: "statement 2: the statement has 1 parameters, and there are 0 arguments",
	} {
		got := ""
		if _, err := parse([]byte(data), queries, sqliteLexicon); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	}
}

// FuzzStatement: every text is divided, and a text in quotes never is a second statement.
func FuzzStatement(f *testing.F) {
	for _, text := range []string{"select 1;", "e'\\", "$a$ /*", "[", "--", "$1a$"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range []lexicon{sqliteLexicon, postgresLexicon} {
			n := 0
			for word := range l.words(text) {
				if n += len(word); word == "" {
					t.Fatal("an empty word")
				}
			}
			if n > len(text)+strings.Count(text, "\xff")*len(text) && strings.ToLower(text) == text {
				t.Errorf("%d bytes of words in %d", n, len(text))
			}
			quoted := "select '" + strings.NewReplacer("'", "''", "\x00", "").Replace(text) + "'"
			if _, err := l.read(quoted, queries); err != nil && !strings.Contains(strings.ToLower(quoted), inboxName) {
				t.Errorf("%q: %v", quoted, err)
			}
		}
	})
}
