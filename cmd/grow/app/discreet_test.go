package app

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/grow-platform/grow/host/secrets"
)

// TestDiscretionTold: whatever else goes on, what was given is hidden from then on, and what was sealed
// in the end; what another namespace has is none of it.
func TestDiscretionTold(t *testing.T) {
	sealed, err := secrets.Open(t.TempDir(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	d := newDiscretion(sealed, "main", nil)
	var all sync.WaitGroup
	for of := range 4 {
		all.Go(func() {
			for n := range 25 {
				value := fmt.Sprintf("given-%d-%d;", of, n)
				d.remember(value)
				if told := d.text(value); told != hidden {
					t.Errorf("%s is told as %s", value, told)
				}
				for _, namespace := range []string{"main", "other"} {
					if _, err := sealed.Set(secrets.Place{Namespace: namespace}, "A", []byte(fmt.Sprintf("%s-%d", namespace, of)), "ann"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	if told := d.text("main-0 main-1 main-2 main-3 other-1"); told != strings.Repeat(hidden+" ", 4)+"other-1" {
		t.Error(told)
	}
}

// TestDiscretionMade: a mask is made once for what it is of, also where what is sealed cannot be read.
func TestDiscretionMade(t *testing.T) {
	dir := t.TempDir()
	sealed, err := secrets.Open(dir, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sealed.Set(secrets.Place{Namespace: "main"}, "A", []byte("sealed-1"), "ann"); err != nil {
		t.Fatal(err)
	}
	d := newDiscretion(sealed, "main", nil)
	d.mask()
	made := d.made
	if _, err := sealed.Set(secrets.Place{Namespace: "other"}, "A", []byte("sealed-2"), "ann"); err != nil {
		t.Fatal(err)
	}
	if d.mask(); d.made != made {
		t.Error("another namespace's secret has the mask made again")
	}
	lost, err := secrets.Open(dir, strings.Repeat("A", 43)+"=", nil) // opens nothing
	if err != nil {
		t.Fatal(err)
	}
	d = newDiscretion(lost, "main", nil)
	if d.mask(); !d.again.IsZero() {
		t.Error("what no key opens is read again")
	}
	d.again = time.Now().Add(time.Hour) // as when it could not be read
	made = d.made
	if d.mask(); d.made != made {
		t.Error("it is read again at once")
	}
	d.again = time.Now()
	if d.mask(); d.made == made || !d.again.IsZero() {
		t.Error("it is not read again")
	}
}
