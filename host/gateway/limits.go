package gateway

import "time"

// The limits of a gateway.
const (
	connectionsMax = 10_000 // open at a time; more wait to be taken
	headerBytes    = 64 << 10
	requestTime    = 30 * time.Second // to send a request, body included
	idleTime       = 2 * time.Minute  // between two requests of a connection
	writeTime      = 60 * time.Second // to take a response
	bodyKeep       = 64 << 10         // bytes of a body's memory that are kept for the next
	lengthKnown    = 2 << 10          // bytes of a response up to which net/http finds out its length by itself
	repliesKeep    = 32 << 10         // bytes of a response that is written without a deadline of its own

	signatureAge = 5 * time.Minute // how far a signed time may be off (Standard Webhooks)
	keyMax       = 256             // bytes of an idempotency key
	faultMax     = 500             // bytes of the header that tells of a failed edit
	retryAfter   = "1"             // seconds, when a mailbox is full
)
