package triagetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// about is a webhook of a thread.
func about(th thread) hook {
	type label struct {
		Name string `json:"name"`
	}
	labels := []label{}
	for _, name := range th.Labels {
		labels = append(labels, label{name})
	}
	event, name := "issues", "issue"
	if th.PullRequest {
		event, name = "pull_request", "pull_request"
	}
	body, err := json.Marshal(map[string]any{
		"action": "opened", "repository": map[string]any{"full_name": th.Repository},
		name: map[string]any{"number": th.Number, "title": th.Title, "body": th.Body, "labels": labels},
	})
	if err != nil {
		panic(err) // strings are always JSON
	}
	return hook{event, th.Delivery, body}
}

// judgement is a thread with what a person says of it.
type judgement struct {
	title, body             string
	labels                  string
	language, kind, urgency string
}

var judged = []judgement{
	{"It crashes when the file is empty", "Open an empty file, and it is gone. This happens every time.", "", "en", "bug", "normal"},
	{"Please add support for dark mode", "It would be nice if the colours could follow the system.", "", "en", "feature", "normal"},
	{"How do I change the port of the server?", "I have read the page about it twice and can not find it.", "", "en", "question", "normal"},
	{"Typo in the README", "It says \"recieve\" where it should be \"receive\".", "", "en", "docs", "low"},
	{"SQL injection in the search form", "The parameter is not escaped, which allows anybody to read the table.", "", "en", "security", "high"},
	{"Data loss after the update", "All of my notes were gone when I opened it. This is critical!", "", "en", "other", "critical"},
	{"Bump serde from 1.0.1 to 1.0.2", "", "dependencies", "und", "chore", "normal"},
	{"Login is broken", "This is not urgent, there is a way around it that works for us.", "", "en", "bug", "low"},
	{"THE BUILD IS BROKEN AGAIN", "Please look at it as soon as possible, it blocks us.", "", "en", "bug", "critical"},
	{"Absturz beim Öffnen einer leeren Datei", "Die Anwendung stürzt ab, wenn ich eine leere Datei öffne. Das ist nicht eilig.", "", "de", "bug", "normal"},
	{"Wie kann ich den Port des Servers ändern?", "Ich habe die Anleitung gelesen und finde es nicht.", "", "de", "question", "normal"},
	{"Tippfehler in der Anleitung", "Auf der Seite über die Einrichtung steht ein falsches Wort.", "", "de", "docs", "low"},
	{"Le programme plante quand le fichier est vide", "C'est urgent pour nous, merci de regarder au plus vite.", "", "fr", "bug", "critical"},
	{"Ajouter un mode sombre", "Ce serait utile pour ceux qui travaillent la nuit avec cette application.", "", "fr", "feature", "normal"},
	{"La aplicación no funciona cuando el archivo está vacío", "Se cierra sin ningún mensaje, y es muy urgente para todos los usuarios.", "", "es", "bug", "high"},
	{"¿Cómo puedo cambiar el puerto del servidor?", "He leído la página y no lo encuentro.", "", "es", "question", "normal"},
	{"O programa não funciona quando o arquivo está vazio", "Ele trava e não mostra nenhuma mensagem para o usuário.", "", "pt", "bug", "normal"},
	{"Seria bom ter um modo escuro", "Muitas pessoas trabalham à noite e isso ajudaria com os olhos.", "", "pt", "feature", "normal"},
	{"Il programma si blocca quando il file è vuoto", "Non funziona più dopo che ho aperto il file, e non c'è un messaggio.", "", "it", "bug", "normal"},
	{"Errore di ortografia nella documentazione", "Nella pagina della configurazione c'è un refuso.", "", "it", "docs", "normal"},
	{"Het programma crasht als het bestand leeg is", "Er is geen melding, en het werkt niet meer na de laatste versie.", "", "nl", "bug", "normal"},
	{"Hoe kan ik de poort van de server veranderen?", "Ik heb de pagina gelezen maar ik kan het niet vinden.", "", "nl", "question", "normal"},
	{"Программа падает, если файл пустой", "Срочно, это блокирует нашу работу. Ошибка повторяется каждый раз.", "", "ru", "bug", "critical"},
	{"Опечатка в документации", "На странице о настройке неправильное слово.", "", "ru", "docs", "normal"},
	{"打开空文件时程序崩溃", "每次都会发生,没有任何错误信息。请尽快修复。", "", "zh", "bug", "high"},
	{"希望增加深色模式", "晚上工作的人会很喜欢这个功能。", "", "zh", "feature", "normal"},
	{"空のファイルを開くとクラッシュする", "毎回エラーが出ます。至急対応をお願いします。", "", "ja", "bug", "high"},
	{"ダークモードの機能を追加してほしい", "夜に働く人のために。", "", "ja", "feature", "normal"},
	{"빈 파일을 열면 오류가 납니다", "매번 오류가 나고 아무 메시지도 없습니다. 긴급합니다.", "", "ko", "bug", "high"},
	{"다크 모드 기능을 추가해 주세요", "밤에 일하는 사람들을 위해서입니다.", "", "ko", "feature", "normal"},
	{"Помилка під час відкриття", "Програма не відкриває порожній файл і її треба закрити.", "", "und", "other", "normal"},
	{"Help", "", "", "und", "other", "normal"},
	{"A question", "```\nTraceback (most recent call last):\n  File \"x.py\"\nTypeError: no\n```", "", "und", "bug", "normal"},
	{"Everything is slow", "It takes a minute to open the window.", "p0, performance", "en", "other", "critical"},
	{"Crash", "It is gone at once when I open it.", "documentation, p3", "en", "docs", "low"},
}

// edges are threads at the limits that the requirements name.
var edges = []judgement{
	{"Is" + strings.Repeat(" ", 297) + "?", "", "", "und", "question", "normal"},
	{"Is" + strings.Repeat(" ", 298) + "?", "", "", "und", "other", "normal"},
	{"Is? ", "", "", "und", "question", "normal"},
	{"Is?\t", "", "", "und", "other", "normal"},
	{"It", strings.Repeat(". ", 7_993) + "critical trivial", "", "und", "other", "critical"}, // the last l does not count any more
	{"It", strings.Repeat(". ", 7_992) + "critical trivial", "", "und", "other", "high"},
	{"It", strings.Repeat(". ", 7_991) + "critical trivial", "", "und", "other", "high"},
	{strings.Repeat("а", 49), "ї", "", "ru", "other", "normal"},
	{strings.Repeat("а", 48), "ї", "", "und", "other", "normal"},
	{strings.Repeat("а", 48), "ё", "", "ru", "other", "normal"},
	{strings.Repeat("中", 9) + "の", "", "", "ja", "other", "normal"},
	{strings.Repeat("中", 10) + "の", "", "", "zh", "other", "normal"},
	{strings.Repeat("中", 7), "", "", "zh", "other", "normal"},
	{strings.Repeat("中", 6), "", "", "und", "other", "normal"},
	{strings.Repeat("中", 6) + "a", "a", "", "zh", "other", "normal"},
	{strings.Repeat("한", 7) + strings.Repeat("中", 7), "", "", "zh", "other", "normal"},
	{strings.Repeat("한", 8) + strings.Repeat("中", 7), "", "", "ko", "other", "normal"},
	{"ABCDEFGHI, J!", "urgently", "", "und", "other", "high"},
	{"ABCDEFGHI!", "production", "", "und", "other", "normal"},
	{"ABCDEFGHIJ!", "production", "", "und", "other", "high"},
	{"ABCDEFGHIJx", "production", "", "und", "other", "normal"},
	{"It is not at all urgent", "", "", "und", "other", "low"},
	{"It is not at all that urgent", "", "", "en", "other", "high"},
	{"It is not", "urgent", "", "und", "other", "high"},
	{"It is urgent", "not urgent", "", "und", "other", "high"},
}

// TestClassifyJudged holds the service, and the rule, to what a person says.
func TestClassifyJudged(t *testing.T) {
	all := slices.Concat(judged, edges)
	eachClassifier(t, func(t *testing.T, c *client) {
		var list []hook
		for i, j := range all {
			th := thread{Delivery: fmt.Sprint("j-", i), Repository: "octo/judged", Number: i + 1, Title: j.title, Body: j.body}
			if j.labels != "" {
				th.Labels = strings.Split(j.labels, ", ")
			}
			list = append(list, about(th))
		}
		m := c.classify(t, list)["octo/judged"]
		if m == nil || len(m.Threads) != len(all) {
			t.Fatalf("%+v, want %d threads", m, len(all))
		}
		for _, got := range m.Threads {
			j := all[got.Number-1]
			if got.Language != j.language || got.Kind != j.kind || got.Urgency != j.urgency {
				t.Errorf("%.60s: %s %s %s, want %s %s %s", j.title, got.Language, got.Kind, got.Urgency, j.language, j.kind, j.urgency)
			}
		}
	})
}

// TestClassifyRepeated posts one text in many threads, and in one many times.
func TestClassifyRepeated(t *testing.T) {
	eachClassifier(t, func(t *testing.T, c *client) {
		var list []hook
		for i := range 20 {
			list = append(list, about(thread{
				Delivery: fmt.Sprint("r-", i), Repository: "octo/repeated", Number: 1 + i%8, Title: "It crashes when the file is empty",
			}))
		}
		m := c.classify(t, list)["octo/repeated"]
		if last := m.Threads[len(m.Threads)-1]; m.Seen != 20 || len(m.Threads) != 8 || len(last.Duplicates) != 5 || last.Duplicates[0].Similarity != 1000 {
			t.Errorf("%+v, want eight threads, and five duplicates of the last", m)
		}
	})
}

// TestClassifyRefused posts a text that the classifier refuses: the webhook is
// answered all the same, and a dead letter says why.
func TestClassifyRefused(t *testing.T) {
	eachClassifier(t, func(t *testing.T, c *client) {
		var labels []string
		for i := range 101 {
			labels = append(labels, fmt.Sprint("l", i))
		}
		th := thread{Delivery: "d-100", Repository: "octo/refused", Number: 1, Title: "It crashes", Labels: labels[:100]}
		c.classify(t, []hook{about(th)})
		th.Delivery, th.Labels = "d-101", labels
		if a := must(t)(c.deliver(about(th))); a.status != http.StatusOK {
			t.Errorf("%d %s, want a decision", a.status, a.body)
		}
		var got found
		if !c.ask(t, "/classified/octo/refused/1", &got) || got.Delivery != "d-100" {
			t.Errorf("%+v, want what was classified before", got)
		}
		dead := c.host.Shard().DeadLetters(nil, 0)
		if len(dead) != 1 || dead[0].Node != "triage/classify" || dead[0].Code != "thread.labels" {
			t.Errorf("dead letters %+v, want one of the labels", dead)
		}
	})
}

// TestClassifyWords posts every entry of every table, in a thread of its own.
func TestClassifyWords(t *testing.T) {
	words, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	eachClassifier(t, func(t *testing.T, c *client) {
		var list []hook
		add := func(title, body string, labels ...string) {
			n := len(list)
			list = append(list, about(thread{
				Delivery: fmt.Sprint("w-", n), Repository: fmt.Sprint("octo/words-", n/remember), Number: n + 1,
				Title: title, Body: body, Labels: labels, PullRequest: n%3 == 0,
			}))
		}
		for heading, rows := range words {
			for _, row := range rows {
				for _, entry := range row.entries {
					switch {
					case strings.HasPrefix(heading, "Labels"):
						add("A thread", "", entry)
					case heading == "Heads of titles":
						add(entry+"(x)!: y", "")
						add("["+strings.ToUpper(entry)+"] y", "")
					case heading == "Traces":
						add("A thread", strings.Trim(entry, "`")+" here, and nothing else besides")
					case heading == "Trigrams", heading == "Marks", heading == "Stop words":
						// Often enough to tell what it is worth.
						add("x", strings.Repeat(" "+strings.ReplaceAll(entry, "_", " "), 30))
					case heading == "Negations":
						add("It is "+entry+" at all that urgent", "It is "+entry+" at critical")
					default:
						add(entry, "")
						add("A thread", "- "+strings.ToUpper(entry)+".")
					}
				}
			}
		}
		if len(list) < 1000 {
			t.Fatalf("%d entries: too few to be all", len(list))
		}
		c.classify(t, list)
	})
}

// TestClassifyRandom posts what nobody writes: parts of texts in any order,
// many threads of few repositories, numbers that come again, more than are
// remembered.
func TestClassifyRandom(t *testing.T) {
	words, err := tables()
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, rows := range words {
		for _, row := range rows {
			parts = append(parts, row.entries...)
		}
	}
	for _, j := range judged {
		parts = append(parts, j.title, j.body)
	}
	odd := []string{
		"\n", "\n\n", "\r\n", "\r", " ", "\t", "\u3000", "```", "\n```\n", "\n   ```sh\n", "\n~~~\n", "`", "``", "`x`", "<!--", "-->", "<!-->", "\n> ", "\n  >",
		"http://", "https://x.example/a?b=c", "(http://x)", "<https://y>", "httphttps://z\"", "!!!", "!", "?", "\uff1f", "¿", ":", "[", "]", "(", ")", "# ",
		"İıŁßẞĐđÞþ÷×ÀàЀѐЏџҐґ", "e\u0301", "\u0300", "Ǆ", "ﬁ", "ａＢ", "ｱｲｳ", "ﾞ", "ｰ", "ー", "・", "゛", "々", "〇", "㐀", "𠀀", "豈", "ㄱ", "ᄀ", "😀", "👩\u200d💻", "\u00ad", "\u200b",
		"\ufeff", "\u2028", "\u0085", "\u0000", "\ufffd", "don't", "d’accord", "THE", "ПЕРВЫЙ", "42", "p0",
	}
	eachClassifier(t, func(t *testing.T, c *client) {
		random := rand.New(rand.NewPCG(1, 2))
		text := func(most int) string {
			var b strings.Builder
			for range random.IntN(most) {
				from := parts
				if random.IntN(3) == 0 {
					from = odd
				}
				b.WriteString(from[random.IntN(len(from))])
				b.WriteString([]string{" ", " ", "", "\n"}[random.IntN(4)])
			}
			return b.String()
		}
		var list []hook
		var bodies []string
		for i := range 600 {
			th := thread{
				Delivery: fmt.Sprint("x-", i), Repository: fmt.Sprint("octo/random-", i%4), Number: 1 + random.IntN(100),
				PullRequest: random.IntN(2) == 0, Title: "a" + text(8), Body: text(40),
			}
			if random.IntN(3) == 0 {
				th.Title = strings.ToUpper(th.Title)
			}
			if len(bodies) > 0 && random.IntN(2) == 0 { // nearly what was said before
				th.Body = bodies[random.IntN(len(bodies))] + text(4)
			}
			if random.IntN(20) == 0 {
				th.Body = strings.Repeat(th.Body+" ", 1+20_000/(1+len(th.Body)))
			}
			if random.IntN(2) == 0 {
				th.Labels = []string{text(3), text(2)}
			}
			bodies = append(bodies, th.Body)
			list = append(list, about(th))
		}
		repeated := 0
		for repository, m := range c.classify(t, list) {
			if m.Seen < 140 || len(m.Threads) != remember {
				t.Errorf("%s: %d threads, %d remembered", repository, m.Seen, len(m.Threads))
			}
			for _, th := range m.Threads {
				repeated += len(th.Duplicates)
			}
		}
		if repeated < 20 {
			t.Errorf("%d duplicates: too few to tell", repeated)
		}
	})
}
