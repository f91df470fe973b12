package main

import (
	"cmp"
	"hash/crc32"
	"slices"
	"strings"
)

const (
	sketchMax     = 48 // numbers of a sketch, and of those in which two are compared
	shingleWords  = 3
	sketchedMin   = 4 // words
	duplicatesMax = 5
)

// sketchOf is requirement 22.
func sketchOf(t *text) []int64 {
	words, sketch := t.words(), []int64{}
	if len(words) < sketchedMin {
		return sketch
	}
	for at := range len(words) - shingleWords + 1 {
		shingle := strings.Join(words[at:at+shingleWords], " ")
		sketch = append(sketch, int64(mix(crc32.ChecksumIEEE([]byte(shingle)))))
	}
	return smallest(sketch)
}

// mix is the finalizer of MurmurHash3: neighbouring numbers end up far apart.
func mix(h uint32) uint32 {
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

// smallest returns the smallest different numbers, in rising order. It changes
// the list.
func smallest(numbers []int64) []int64 {
	slices.Sort(numbers)
	numbers = slices.Compact(numbers)
	return numbers[:min(sketchMax, len(numbers))]
}

// duplicates are the remembered threads that say nearly the same as thread
// number (requirement 24).
func duplicates(sketch []int64, number int64, threads []ClassifyStateThread, similar int64) []Duplicate {
	list := []Duplicate{}
	for _, t := range threads {
		if t.Number == number {
			continue
		}
		if s := similarity(sketch, t.Sketch); s >= similar {
			list = append(list, Duplicate{Number: t.Number, Similarity: s})
		}
	}
	slices.SortFunc(list, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), cmp.Compare(a.Number, b.Number))
	})
	return list[:min(duplicatesMax, len(list))]
}

// similarity is Broder's estimate of the resemblance of two sets, in
// thousandths (requirement 23).
func similarity(a, b []int64) int64 {
	if len(a) == 0 || len(b) == 0 {
		return 0
	}
	both, all := 0, smallest(slices.Concat(a, b))
	for _, n := range all {
		_, inA := slices.BinarySearch(a, n)
		_, inB := slices.BinarySearch(b, n)
		if inA && inB {
			both++
		}
	}
	return int64(1000 * both / len(all))
}
