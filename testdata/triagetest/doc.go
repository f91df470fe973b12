// Package triagetest runs the example service of testdata/services/triage and
// holds it to a rule of its own: every real webhook is posted over HTTP, and
// the answers and counts must be those that the rule computes from the raw
// payloads. The rule is written from the service's documents and shares no
// code with its actors. What is said of texts is compared for actor classify in
// each of the languages it is written in.
package triagetest
