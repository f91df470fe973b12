package command

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/grow-platform/grow/host/control"
	"github.com/grow-platform/grow/runtime/actortest"
)

// junitSuites is a run of tests in the XML that JUnit's ant task began and CI
// servers read: a suite for each subject, a case for each test.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Time     string       `xml:"time,attr"` // seconds
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name      string      `xml:"name,attr"`
	Tests     int         `xml:"tests,attr"`
	Failures  int         `xml:"failures,attr"`
	Errors    int         `xml:"errors,attr"`
	Skipped   int         `xml:"skipped,attr"`
	Time      string      `xml:"time,attr"`
	Timestamp string      `xml:"timestamp,attr"` // ISO 8601, without a zone
	Cases     []junitCase `xml:"testcase"`

	took time.Duration
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	Classname string        `xml:"classname,attr"`
	File      string        `xml:"file,attr"`
	Line      int           `xml:"line,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitFailure `xml:"failure"`
	SystemOut string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

// writable reports a folder that JUnit's file cannot be in, before tests are run.
func (o *testOptions) writable() error {
	if o.junit == "" || o.junit == "-" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(o.junit)); err != nil {
		return unwritten(o.junit, err)
	}
	return nil
}

func unwritten(name string, err error) error {
	return &control.Error{Code: "test.junit", Message: fmt.Sprintf("write JUnit file: %v", err), At: name, Next: "name a file in a folder that is there: --junit FILE"}
}

// junitOf makes suites of a run that began at a time.
func junitOf(run *testRun, began time.Time) *junitSuites {
	all := &junitSuites{Name: run.service.Name, Time: seconds(run.took)}
	for _, r := range run.results {
		name := r.Test.Of.String() + "." + r.Test.Subject
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != name {
			all.Suites = append(all.Suites, junitSuite{Name: name, Timestamp: began.UTC().Format("2006-01-02T15:04:05")})
		}
		suite := &all.Suites[len(all.Suites)-1]
		c := junitCase{Name: r.Test.Name, Classname: name, File: r.Test.At.File, Line: r.Test.At.Line, Time: seconds(r.Took)}
		if !r.Passed() {
			c.Failure = &junitFailure{Message: strings.TrimSpace(failureText(&r.Failures[0], 1)), Type: codeTestFailed, Text: failuresText(r)}
			suite.Failures++
			all.Failures++
		}
		var lines []string
		for _, l := range r.Logs {
			lines = append(lines, cell(l.Level+" "+logText(l)))
		}
		c.SystemOut = strings.Join(lines, "\n")
		suite.took += r.Took
		suite.Time = seconds(suite.took)
		suite.Tests++
		all.Tests++
		suite.Cases = append(suite.Cases, c)
	}
	return all
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// failuresText is all that is wrong with a test, for a program to show.
func failuresText(r *actortest.Result) string {
	var b strings.Builder
	for i := range r.Failures {
		b.WriteString(failureText(&r.Failures[i], differencesShown))
	}
	return b.String()
}

// failureText is one failure in lines, of its differences so many.
func failureText(f *actortest.Failure, most int) string {
	var b strings.Builder
	lead := ""
	if f.Where != "" {
		lead = f.Where + ": "
	}
	if f.Text != "" {
		b.WriteString(safe(lead+f.Text) + "\n")
	}
	for i, d := range f.Differences {
		if i == most {
			break
		}
		b.WriteString(safe(lead+d.String()) + "\n")
	}
	return b.String()
}

// writeJUnit writes the suites of a run into a file; "-" is stdout.
func (s *shell) writeJUnit(run *testRun, began time.Time, name string) error {
	if name == "-" {
		return encodeJUnit(s.stdout, junitOf(run, began))
	}
	f, err := os.Create(name)
	if err != nil {
		return unwritten(name, err)
	}
	if err := errors.Join(encodeJUnit(f, junitOf(run, began)), f.Close()); err != nil {
		return unwritten(name, err)
	}
	return nil
}

func encodeJUnit(w io.Writer, suites *junitSuites) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
