// Package abi is version 1 of the contract between a host and the actors it
// runs: the frame that carries messages across the boundary, the names of
// attributes and capability operations, and the limits.
//
// README.md beside this file is the specification for the guest's side;
// testdata/frames.json holds byte vectors that this package and every SDK read.
package abi

// Version is the version of the ABI that this package speaks.
const Version = 1

// Names of the exports and imports of an actor module.
const (
	ExportMemory     = "memory"
	ExportAlloc      = "grow_alloc"
	ExportHandle     = "grow_handle"
	ExportInit       = "grow_init"
	ExportABI        = "grow_abi"
	ExportInitialize = "_initialize"

	ImportModule = "grow"
	ImportCall   = "call"
	ImportAnswer = "answer"

	WASIModule = "wasi_snapshot_preview1"
)

// Names of attributes. All but the last group are set by the host on input;
// a guest sets Type, ContentType, Delay, Code, Retry, After, HTTPStatus and
// headers, and any name that begins with OwnPrefix.
const (
	ID          = "id"
	Source      = "source"
	Type        = "type"
	Time        = "time"    // RFC 3339, UTC
	Subject     = "subject" // the key
	ContentType = "datacontenttype"
	TraceParent = "traceparent" // W3C Trace Context
	Correlation = "correlation" // id of the message that began it all
	Causation   = "causation"   // id of the message this one answers
	Attempt     = "attempt"     // decimal, from 1

	HTTPMethod       = "http.method"
	HTTPPath         = "http.path"
	HTTPHeaderPrefix = "http.header." // followed by the name in lower case
	HTTPParamPrefix  = "http.param."
	HTTPQueryPrefix  = "http.query."
	HTTPStatus       = "http.status"

	Delay     = "delay" // milliseconds
	Code      = "code"  // of a grow.error
	RetryAttr = "retry" // of a grow.error: yes or no
	After     = "after" // of a grow.error: milliseconds
	OwnPrefix = "x."    // attributes of the guest's own, which travel on
)

// Types of messages that have a meaning of their own.
const (
	TypeError = "grow.error" // output: refusal or try-later; answer of a capability: failure
	TypeInit  = "grow.init"  // input of grow_init: data is the config
	TypeOK    = "ok"         // answer of a capability: success
)

// ContentJSON is the content type of data that names none.
const ContentJSON = "application/json"
