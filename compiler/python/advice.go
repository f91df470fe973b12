package python

import "strings"

// remedy says why a module of the standard library is of no use in an actor, and
// what is used instead.
type remedy struct {
	why, instead string
	soft         bool // it can be imported, and parts of it work
}

func (a remedy) String() string { return a.why + "; " + a.instead }

const (
	noSockets   = "an actor has no sockets"
	noProcesses = "an actor starts no processes"
	noThreads   = "an actor has no threads"
	useHTTP     = "ask for what it needs in `uses:` of actor.yaml, and call ctx.http(NAME)"
	useActors   = "send a message to another actor, or keep the work in this one"
	useAsync    = "write the handler as async def, and await requests together with asyncio.gather"
)

// advice is what is said of modules of the standard library.
var advice = map[string]remedy{
	"socket":          {noSockets, useHTTP, false},
	"ssl":             {noSockets, useHTTP, false},
	"select":          {noSockets, useHTTP, false},
	"selectors":       {noSockets, useHTTP, false},
	"socketserver":    {noSockets, "declare an endpoint in grow.yaml, whose requests come as messages", false},
	"xmlrpc":          {noSockets, useHTTP, false},
	"ftplib":          {noSockets, useHTTP, false},
	"imaplib":         {noSockets, useHTTP, false},
	"poplib":          {noSockets, useHTTP, false},
	"smtplib":         {noSockets, useHTTP, false},
	"subprocess":      {noProcesses, useActors, false},
	"multiprocessing": {noProcesses, useActors, false},
	"pty":             {noProcesses, useActors, false},
	"threading":       {noThreads, useAsync, true},
	"_thread":         {noThreads, useAsync, true},
	"signal":          {"an actor gets no signals", "limits in actor.yaml end what takes too long", true},
	"ctypes":          {"an actor calls no native libraries", "use a package in pure Python, or write the actor in Rust or Go", false},
	"cffi":            {"an actor calls no native libraries", "use a package in pure Python, or write the actor in Rust or Go", false},
	"mmap":            {"an actor's files are small and read only", "open() them", false},
	"sqlite3":         {"an actor keeps no files", "keep state with ctx.state", false},
	"dbm":             {"an actor keeps no files", "keep state with ctx.state", false},
	"shelve":          {"an actor keeps no files", "keep state with ctx.state", false},
	"tkinter":         {"an actor has no screen", "answer with data, and show it in a browser", false},
	"turtle":          {"an actor has no screen", "answer with data, and show it in a browser", false},
	"curses":          {"an actor has no terminal", "log with ctx.log", false},
	"readline":        {"an actor has no terminal", "take what it needs from messages", false},
	"venv":            {"packages are packed when the actor is built", "name them in " + requirementsName, false},
	"ensurepip":       {"packages are packed when the actor is built", "name them in " + requirementsName, false},
	"pip":             {"packages are packed when the actor is built", "name them in " + requirementsName, false},
	"idlelib":         {"it is no part of the runtime", "use an editor outside of the actor", false},
}

const (
	native       = "has native code, which an actor cannot run: "
	needsSockets = "needs sockets, which an actor does not have: "
	httpInstead  = "use ctx.http with a grant in `uses:` of actor.yaml"
	rustInstead  = "write what needs it as an actor in Rust or Go"
)

// natives says of packages that are asked for often why they do not work, and
// what does. Names are normalised (PEP 503).
var natives = map[string]string{
	"numpy":              native + "use lists, array, statistics or fractions, or " + rustInstead,
	"pandas":             native + "use csv, json, itertools and statistics, or " + rustInstead,
	"scipy":              native + "use statistics and math, or " + rustInstead,
	"scikit-learn":       native + rustInstead,
	"torch":              native + "call a model over ctx.http",
	"tensorflow":         native + "call a model over ctx.http",
	"matplotlib":         native + "send the data, and draw it where it is shown",
	"pillow":             native + rustInstead,
	"opencv-python":      native + rustInstead,
	"pydantic-core":      native + "use dataclasses, which grow types makes of the message types; pydantic 1 is pure Python: pydantic<2",
	"cryptography":       native + "use hashlib, hmac and secrets, or " + rustInstead,
	"pycryptodome":       native + "use hashlib, hmac and secrets, or " + rustInstead,
	"pynacl":             native + "use hashlib, hmac and secrets, or " + rustInstead,
	"bcrypt":             native + "use hashlib.pbkdf2_hmac, or passlib",
	"argon2-cffi":        native + "use hashlib.pbkdf2_hmac, or passlib",
	"cffi":               native + "use a package in pure Python",
	"lxml":               native + "use xml.etree.ElementTree, or beautifulsoup4 with html.parser",
	"psycopg":            needsSockets + "keep state with ctx.state",
	"psycopg2":           native + "keep state with ctx.state",
	"psycopg2-binary":    native + "keep state with ctx.state",
	"psycopg-binary":     native + "keep state with ctx.state",
	"asyncpg":            native + "keep state with ctx.state",
	"mysqlclient":        native + "keep state with ctx.state",
	"pymongo":            native + "keep state with ctx.state",
	"redis":              needsSockets + "keep state with ctx.state",
	"grpcio":             native + httpInstead,
	"protobuf":           native + "use its pure-Python wheel: protobuf<7, or JSON",
	"orjson":             native + "use json, which is as fast as messages are large",
	"ujson":              native + "use json",
	"msgspec":            native + "use dataclasses and json",
	"uvloop":             native + "use asyncio, which grow runs",
	"aiohttp":            needsSockets + httpInstead,
	"httptools":          native + httpInstead,
	"requests":           needsSockets + httpInstead,
	"urllib3":            needsSockets + httpInstead,
	"httpx":              needsSockets + httpInstead,
	"websockets":         needsSockets + httpInstead,
	"boto3":              needsSockets + httpInstead,
	"flask":              needsSockets + "declare endpoints in grow.yaml",
	"fastapi":            native + "declare endpoints in grow.yaml, and types in types/",
	"django":             needsSockets + "declare endpoints in grow.yaml",
	"celery":             needsSockets + "send messages to actors",
	"polars":             native + rustInstead,
	"pyarrow":            native + rustInstead,
	"spacy":              native + rustInstead,
	"tiktoken":           native + rustInstead,
	"tokenizers":         native + rustInstead,
	"regex":              native + "use re",
	"greenlet":           native + "use asyncio",
	"gevent":             native + "use asyncio",
	"psutil":             native + "an actor has no machine to look at",
	"zstandard":          native + "use zlib",
	"brotli":             native + "use zlib",
	"lz4":                native + "use zlib",
	"xxhash":             native + "use hashlib.blake2b or zlib.crc32",
	"python-levenshtein": native + "use difflib, or rapidfuzz",
	"levenshtein":        native + "use difflib, or rapidfuzz",
	"numba":              native + rustInstead,
	"cython":             native + rustInstead,
	"h5py":               native + rustInstead,
	"shapely":            native + rustInstead,
	"tree-sitter":        native + rustInstead,
	"rpds-py":            native + "jsonschema<4.18 does without it",
}

// fallbacks are packages whose wheels have native code that they do without when
// it is missing: they are packed without it.
var fallbacks = map[string]bool{
	"markupsafe": true, "pyyaml": true, "wrapt": true, "msgpack": true, "frozenlist": true, "multidict": true, "propcache": true,
	"simplejson": true, "rapidfuzz": true, "charset-normalizer": true, "tomli": true, "sqlalchemy": true, "pyrsistent": true,
	"coverage": true, "websockets": true, "zope-interface": true,
}

// distributions are packages that are not called as the module that they bring.
var distributions = map[string]string{
	"yaml": "pyyaml", "bs4": "beautifulsoup4", "dateutil": "python-dateutil", "jwt": "pyjwt", "slugify": "python-slugify", "attr": "attrs",
	"cv2": "opencv-python", "PIL": "pillow", "sklearn": "scikit-learn", "Crypto": "pycryptodome", "dotenv": "python-dotenv", "docx": "python-docx",
	"nacl": "pynacl", "grpc": "grpcio", "google": "protobuf", "MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary", "pydantic_core": "pydantic-core",
	"OpenSSL": "pyopenssl", "magic": "python-magic", "serial": "pyserial", "usb": "pyusb", "skimage": "scikit-image", "fitz": "pymupdf",
	"markdown_it": "markdown-it-py", "pkg_resources": "setuptools", "ruamel": "ruamel.yaml", "Levenshtein": "levenshtein",
}

// distribution is the package that brings a module, as far as is known.
func distribution(module string) string {
	if name, ok := distributions[module]; ok {
		return name
	}
	return normal(module)
}

// normal is the normalised name of a package (PEP 503).
func normal(name string) string {
	var b strings.Builder
	run := false
	for _, r := range strings.ToLower(name) {
		if r == '-' || r == '_' || r == '.' {
			run = true
			continue
		}
		if run && b.Len() > 0 {
			b.WriteByte('-')
		}
		run = false
		b.WriteRune(r)
	}
	return b.String()
}
