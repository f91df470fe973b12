package app

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// lineLeast is how many bytes a line of a secret of several has that is looked for by itself, as
// logs show it.
const lineLeast = 16

// formsOf is text as it is, as JSON, Go, Rust and Python write it between quotes, and as it is
// in a URL, in hexadecimal digits, and within base64 of more than it; and each longer line of
// it, but for the marks that PEM keys begin and end with.
func formsOf(text string) []string {
	ascii, plain := strconv.QuoteToASCII(text), strconv.Quote(text)
	forms := []string{text, quotedJSON(text), plain[1 : len(plain)-1], ascii[1 : len(ascii)-1]}
	forms = append(forms, strings.ReplaceAll(strings.ReplaceAll(forms[2], `\"`, `"`), `'`, `\'`), strings.ReplaceAll(forms[2], `\"`, `"`))
	digits := hex.EncodeToString([]byte(text))
	forms = append(forms, digits, strings.ToUpper(digits))
	forms = append(append(forms, urlsOf(text)...), base64Of(text)...)
	if !strings.Contains(text, "\n") {
		return forms
	}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= lineLeast && !strings.HasPrefix(line, "-----") {
			forms = append(forms, line, quotedJSON(line))
		}
	}
	return forms
}

// quotedJSON is text as JSON has it between quotes.
func quotedJSON(text string) string {
	quoted, _ := json.Marshal(text) // text always has a form in JSON
	return string(quoted[1 : len(quoted)-1])
}

// urlSafe are the signs that URLs may have as they are, by who writes them: Go's QueryEscape and
// Python's quote; that with some that are safe; JavaScript's encodeURIComponent and encodeURI.
var urlSafe = []string{"", "/", "@", ":", "/@", "/:", "@:", "/@:", "!*'()", "!*'();,/?:@&=+$#"}

// urlsOf is text as URLs may have it: with a space as + or %20, and digits of either case.
func urlsOf(text string) []string {
	forms := []string{url.PathEscape(text)}
	query := url.QueryEscape(text)
	for _, safe := range urlSafe {
		if safe != "" && !strings.ContainsAny(text, safe) {
			continue
		}
		var pairs []string
		for _, sign := range safe {
			pairs = append(pairs, url.QueryEscape(string(sign)), string(sign))
		}
		plus := strings.NewReplacer(pairs...).Replace(query)
		percent := strings.NewReplacer(append(pairs, "+", "%20")...).Replace(query)
		forms = append(forms, plus, percent)
	}
	for _, form := range forms {
		if lower := lowerEscapes(form); lower != form {
			forms = append(forms, lower)
		}
	}
	return forms
}

// lowerEscapes writes the digits of escapes in lower case.
func lowerEscapes(text string) string {
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// base64Of is what base64 of data with text in it has of that alone: it depends on how many
// bytes go before, and the digits at either end are of what is beside it, too.
func base64Of(text string) []string {
	var forms []string
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			digits := e.EncodeToString(append(make([]byte, before), text...))
			whole := (before + len(text)) * 8 / 6
			if form := digits[(before*8+5)/6 : whole]; len(form) >= secretLeast {
				forms = append(forms, form)
			}
		}
	}
	return forms
}
