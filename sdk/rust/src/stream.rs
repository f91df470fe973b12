use crate::{Answer, Context, Error, Request, Result};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// Bytes that are read or written at a time.
const PIECE: usize = 256 << 10;

/// Milliseconds that events are gathered for, so that many need few requests.
const LINGER: &str = "100";

/// Bytes that a line of an event has at most.
const LINE_MAX: usize = 1 << 20;

/// A request that is made as a stream.
#[derive(Clone, Debug)]
pub struct HttpRequest {
    request: Request,
}

impl HttpRequest {
    /// A request to a path that begins with `/` or to a whole URL.
    pub fn new(method: &str, place: &str) -> Self {
        let name = if place.starts_with('/') {
            "path"
        } else {
            "url"
        };
        let request = Request::new("stream.open")
            .attr("of", "http.fetch")
            .attr("method", method)
            .attr(name, place);
        HttpRequest { request }
    }

    /// A header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = format!("header.{}", name.to_lowercase());
        self.request = self.request.attr(name, value);
        self
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.request = self.request.data(data);
        self
    }

    /// A body of JSON.
    pub fn json<T: serde::Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        self.request = self.request.json(value)?;
        Ok(self.header("content-type", crate::JSON))
    }

    /// The body, as the key of an object in the grant's bucket.
    #[must_use]
    pub fn blob(mut self, key: &str) -> Self {
        self.request = self.request.attr("blob", key);
        self
    }

    /// The body is only the begin: the rest is written to the stream, until
    /// [`Stream::close_write`].
    #[must_use]
    pub fn written(mut self) -> Self {
        self.request = self.request.attr("body", "stream");
        self
    }

    /// How long it may take until the answer begins.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        let ms = time.as_millis().max(1);
        self.request = self.request.attr("timeout", ms.to_string());
        self
    }
}

/// A request whose body is written, and an answer that is read, in pieces, by
/// [`io::Write`] and [`io::Read`]. It ends with the message. The answer is read
/// as it comes: what is not read is held back.
pub struct Stream<'c, 'm> {
    context: &'c Context<'m>,
    grant: String,
    handle: String,
    linger: &'static str,
    status: Option<u16>,
    headers: BTreeMap<String, String>,
    rest: Vec<u8>,
    ended: bool,
    closed: bool,
}

impl<'m> Context<'m> {
    /// Makes a request with a grant of kind `http`, as a stream. An answer of any
    /// status is one; a request that does not come about is a
    /// [`CallError`](crate::CallError).
    pub fn http_stream(&self, grant: &str, request: HttpRequest) -> Result<Stream<'_, 'm>> {
        self.open_stream(grant, request.request)
    }

    /// [`Context::ask`], whose answer is read in pieces, as it comes. The operation
    /// must be one that its kind answers so.
    pub fn ask_stream(
        &self,
        grant: &str,
        operation: &str,
        request: &(impl serde::Serialize + ?Sized),
    ) -> Result<Stream<'_, 'm>> {
        let open = Request::new("stream.open").attr("of", operation);
        let stream = self.open_stream(grant, open.json(request)?)?;
        Ok(stream.without_status())
    }

    /// Asks for an operation whose request is written in pieces, too, until
    /// [`Stream::close_write`]. The operation must be one that its kind takes so.
    pub fn ask_write_stream(&self, grant: &str, operation: &str) -> Result<Stream<'_, 'm>> {
        let open = Request::new("stream.open").attr("of", operation);
        let stream = self.open_stream(grant, open.attr("body", "stream"))?;
        Ok(stream.without_status())
    }

    /// Begins the operation that the attribute `of` names.
    pub(crate) fn open_stream(&self, grant: &str, request: Request) -> Result<Stream<'_, 'm>> {
        let answer = self.do_one(request.grant(grant))?;
        let mut stream = Stream {
            context: self,
            grant: grant.to_owned(),
            handle: answer.attr("handle").unwrap_or_default().to_owned(),
            linger: "0",
            status: None,
            headers: BTreeMap::new(),
            rest: Vec::new(),
            ended: false,
            closed: false,
        };
        stream.begin(&answer);
        Ok(stream)
    }
}

impl<'c, 'm> Stream<'c, 'm> {
    /// Notes what an answer says of the status and the headers.
    fn begin(&mut self, answer: &Answer) {
        self.status = answer.attr("status").and_then(|s| s.parse().ok());
        for (name, value) in answer.attrs() {
            if let Some(name) = name.strip_prefix("header.") {
                self.headers.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    fn ask(&self, op: &str) -> Request {
        Request::new(op)
            .grant(&*self.grant)
            .attr("handle", &*self.handle)
    }

    /// The status of the answer over HTTP, for which it waits until the answer
    /// begins; 0 of an operation that is not HTTP's.
    pub fn status(&mut self) -> Result<u16> {
        while self.status.is_none() {
            if !self.fill()? {
                return Err(Error::failed("stream.read: the answer has no status"));
            }
        }
        Ok(self.status.unwrap_or_default())
    }

    /// A header of the answer, whose name is in lower case; none as long as the
    /// answer has not begun.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Reads a piece; false: there are no more.
    fn fill(&mut self) -> Result<bool> {
        if self.ended {
            return Ok(false);
        }
        let request = self
            .ask("stream.read")
            .attr("max", PIECE.to_string())
            .attr("linger", self.linger);
        let answer = self.context.do_one(request)?;
        if self.status.is_none() {
            self.begin(&answer);
        }
        self.rest.extend_from_slice(answer.data());
        self.ended = answer.attr("end") == Some("yes");
        self.closed = self.ended;
        Ok(true)
    }

    /// Ends the request's body.
    pub fn close_write(&mut self) -> Result<()> {
        let request = self.ask("stream.write").attr("end", "yes");
        self.context.do_one(request).map(drop)
    }

    /// Ends the stream, wherever it is. A stream that is dropped does so, too.
    pub fn close(mut self) -> Result<()> {
        self.closed = true;
        self.context.do_one(self.ask("stream.close")).map(drop)
    }

    /// The server-sent events of the answer, as the HTML standard defines them.
    /// They come as soon as they are there, those of a tenth of a second together.
    pub fn events(mut self) -> Events<'c, 'm> {
        self.linger = LINGER;
        Events {
            stream: self,
            id: String::new(),
            first: true,
            failed: false,
        }
    }

    /// Is of an answer that has no status to wait for.
    fn without_status(mut self) -> Self {
        self.status = Some(0);
        self
    }

    /// Gathers what comes for a tenth of a second, so that many lines need few
    /// requests, of an answer that has no status to wait for.
    pub(crate) fn lines(mut self) -> Self {
        self.linger = LINGER;
        self.without_status()
    }

    /// What is left behind the last line.
    pub(crate) fn rest(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.rest)).into_owned()
    }

    /// Reads a line, which ends with a line feed, a carriage return or both. What
    /// follows the last one is none.
    pub(crate) fn line(&mut self) -> Result<Option<String>> {
        let mut looked = 0;
        loop {
            let found = self.rest[looked..]
                .iter()
                .position(|b| matches!(b, b'\r' | b'\n'));
            if let Some(i) = found.map(|i| i + looked) {
                let last = i + 1 == self.rest.len();
                if self.rest[i] == b'\r' && last && self.fill()? {
                    looked = i; // a line feed may follow
                    continue;
                }
                let both = self.rest[i..].starts_with(b"\r\n");
                let line = String::from_utf8_lossy(&self.rest[..i]).into_owned();
                self.rest.drain(..=i + usize::from(both));
                return Ok(Some(line));
            }
            looked = self.rest.len();
            if looked > LINE_MAX {
                return Err(Error::failed(format!(
                    "a line of an event has more than {LINE_MAX} bytes"
                )));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }
}

impl Drop for Stream<'_, '_> {
    fn drop(&mut self) {
        if !self.closed {
            // The host ends it with the message in any case.
            drop(self.context.do_one(self.ask("stream.close")));
        }
    }
}

impl io::Read for Stream<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !buffer.is_empty() {
            if !self.fill().map_err(Error::into_io)? {
                return Ok(0);
            }
        }
        let n = buffer.len().min(self.rest.len());
        buffer[..n].copy_from_slice(&self.rest[..n]);
        self.rest.drain(..n);
        Ok(n)
    }
}

/// Returns when the connection has what was written. After the other side has
/// answered and wants no more it is [`io::ErrorKind::BrokenPipe`].
impl io::Write for Stream<'_, '_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = data.len().min(PIECE);
        if n == 0 {
            return Ok(0);
        }
        let request = self.ask("stream.write").data(&data[..n]);
        let answer = self.context.do_one(request).map_err(Error::into_io)?;
        if answer.attr("end") == Some("yes") {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// `message` when it names none.
    pub event: String,
    /// Its lines, with a line feed between them.
    pub data: String,
    /// Of the last event that had one.
    pub id: String,
}

/// The server-sent events of an answer. An error ends them.
pub struct Events<'c, 'm> {
    stream: Stream<'c, 'm>,
    id: String,
    first: bool,
    failed: bool,
}

impl Events<'_, '_> {
    fn read(&mut self) -> Result<Option<Event>> {
        let (mut event, mut data) = (String::from("message"), Vec::new());
        while let Some(line) = self.stream.line()? {
            let mut line = line.as_str();
            if std::mem::take(&mut self.first) {
                line = line.strip_prefix('\u{feff}').unwrap_or(line);
            }
            if line.is_empty() {
                if !data.is_empty() {
                    return Ok(Some(Event {
                        event,
                        data: data.join("\n"),
                        id: self.id.clone(),
                    }));
                }
                event = String::from("message");
                continue;
            }
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match name {
                "event" => event = value.to_owned(),
                "data" => data.push(value.to_owned()),
                "id" => self.id = value.to_owned(),
                _ => {}
            }
        }
        Ok(None)
    }
}

impl Iterator for Events<'_, '_> {
    type Item = Result<Event>;

    fn next(&mut self) -> Option<Result<Event>> {
        if self.failed {
            return None;
        }
        let event = self.read().transpose();
        self.failed = matches!(event, Some(Err(_)));
        event
    }
}
