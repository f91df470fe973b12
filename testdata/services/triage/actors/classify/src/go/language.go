package main

import (
	"slices"
	"strings"
)

// The least that a text must have to be in a language.
const (
	signsMin          = 20
	languagePointsMin = 60
)

// What a word, a trigram and a mark share among the languages that have them.
const (
	stopWordWorth = 60
	trigramWorth  = 12
	markWorth     = 30
)

// languageOf is requirements 9 to 11.
func languageOf(t *text) Language {
	var latins, cyrillics, foreign, hans, kanas, hanguls int
	words := t.words()
	for _, word := range words {
		for _, c := range word {
			switch {
			case isLatin(c):
				latins++
			case isCyrillic(c):
				cyrillics++
				if c > 0x44f && c != 0x451 {
					foreign++
				}
			case isHan(c):
				hans++
			case isKana(c):
				kanas++
			case isHangul(c):
				hanguls++
			}
		}
	}
	chinese, korean := 3*(hans+kanas), 3*hanguls
	most := max(latins, cyrillics, chinese, korean)
	switch {
	case latins+cyrillics+chinese+korean < signsMin:
		return LanguageUnd
	case latins == most:
		return latin(words)
	case cyrillics == most && 50*foreign > cyrillics:
		return LanguageUnd
	case cyrillics == most:
		return LanguageRu
	case chinese == most && 10*kanas >= hans+kanas:
		return LanguageJa
	case chinese == most:
		return LanguageZh
	}
	return LanguageKo
}

// points are those of the languages of stopWords, in its order.
type points []int

// What each word, trigram and mark gives to which language.
var (
	wordShares    = shares(stopWords, stopWordWorth)
	trigramShares = shares(trigrams, trigramWorth)
	markShares    = shares(marks, markWorth)
)

func shares(table []row[Language], whole int) map[string]points {
	have := map[string][]int{} // indexes in stopWords
	for _, line := range table {
		at := slices.IndexFunc(stopWords, func(w row[Language]) bool { return w.of == line.of })
		for entry := range strings.SplitSeq(line.entries, ", ") {
			have[entry] = append(have[entry], at)
		}
	}
	all := map[string]points{}
	for entry, languages := range have {
		p := make(points, len(stopWords))
		for _, at := range languages {
			p[at] = whole / len(languages)
		}
		all[entry] = p
	}
	return all
}

func (p points) add(more points) {
	for i, n := range more {
		p[i] += n
	}
}

// latin is requirement 12.
func latin(words []string) Language {
	sum := make(points, len(stopWords))
	for _, word := range words {
		sum.add(wordShares[word])
		signs := []rune("_" + word + "_")
		for i, c := range signs {
			sum.add(markShares[string(c)])
			if i+3 <= len(signs) {
				sum.add(trigramShares[string(signs[i:i+3])])
			}
		}
	}
	best, next := 0, 0
	for _, p := range sum {
		best, next = max(best, p), max(next, min(best, p))
	}
	if best < languagePointsMin || 10*best < 11*next {
		return LanguageUnd
	}
	return stopWords[slices.Index(sum, best)].of
}
