package app

import "testing"

// TestMaskCut: a secret that a guest has cut in two is hidden as far as it is there.
func TestMaskCut(t *testing.T) {
	m := newMask([]string{"hunter2-hunter2"})
	for text, want := range map[string]string{
		"a hunter2-hunter2 b":              "a *** b",
		"'xxhunter2-h… (9002 characters)":  "'xx***… (9002 characters)",
		"y hunt\n… and 7 characters more":  "y ***\n… and 7 characters more",
		"['hun'…, 'hunter2-hunter'…] hunt": "['***'…, '***'…] hunt",
		"hu… is too little":                "hu… is too little",
		"nothing":                          "nothing",
	} {
		if got := m.cut(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
