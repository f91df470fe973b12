use crate::call::{self, Buffers, KEEP_MAX, nothing};
use crate::error::Kind;
use crate::frame::{self, FrameError, VALUE_MAX, Writer};
use crate::log::cut;
use crate::{Answer, CallError, Error, Kv, Llm, Log, Message, Request, Result, Sql, State, host};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Messages that one message may cause, at most.
const OUTPUTS_MAX: usize = 1000;

/// An actor's way to the outside while it handles one message.
pub struct Context<'a> {
    message: Message<'a>,
    /// False in the init handler.
    handling: bool,
    out: Vec<u8>,
    outputs: usize,
    pub(crate) buffers: RefCell<Buffers>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        message: Message<'a>,
        handling: bool,
        mut out: Vec<u8>,
        buffers: Buffers,
    ) -> Self {
        if out.capacity() > KEEP_MAX {
            out = Vec::new();
        }
        out.clear();
        frame::put_count(&mut out, 0);
        Context {
            message,
            handling,
            out,
            outputs: 0,
            buffers: RefCell::new(buffers),
        }
    }

    /// Ends the answer frame; one without messages becomes empty.
    pub(crate) fn finish(&mut self) {
        match self.outputs {
            0 => self.out.clear(),
            n => frame::set_count(&mut self.out, n),
        }
    }

    /// Drops what has been sent and answers with a refusal or a try-later. A
    /// failure is not an answer and is returned.
    pub(crate) fn answer_error(&mut self, e: Error) -> Result {
        let (code, retry, after) = match e.kind {
            Kind::Refused { code } => (code, "no", None),
            Kind::Later { code, after } => (code, "yes", after),
            Kind::Failed => return Err(e),
        };
        self.out.truncate(4);
        self.outputs = 1;
        let mut w = Writer::new(&mut self.out);
        w.attr("type", "grow.error")?;
        w.attr("code", &cut(code, VALUE_MAX))?;
        w.attr("retry", retry)?;
        if let Some(after) = after {
            w.attr("after", &milliseconds(after))?;
        }
        w.data(e.text.as_bytes());
        Ok(())
    }

    /// Ends the context and gives its memory back.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Buffers) {
        (self.out, self.buffers.into_inner())
    }

    /// The message being handled.
    pub fn message(&self) -> Message<'a> {
        self.message
    }

    /// Sends `value`, encoded as JSON, as a message of the given type, which
    /// must be one of the actor's `out`. It leaves when the handler returns `Ok`.
    pub fn send<T: Serialize + ?Sized>(&mut self, message_type: &str, value: &T) -> Result<()> {
        self.output(message_type).json(value)
    }

    /// Begins a message with attributes; it is sent by [`Output::json`] or
    /// [`Output::bytes`].
    pub fn output<'c>(&'c mut self, message_type: &'c str) -> Output<'c> {
        let mut error = None;
        if !self.handling {
            error = Some(Error::failed("no message is being handled"));
        } else if self.outputs == OUTPUTS_MAX {
            error = Some(Error::failed(format!(
                "{OUTPUTS_MAX} messages have been sent, which is the limit"
            )));
        }
        let mut output = Output {
            message_type,
            outputs: &mut self.outputs,
            writer: Writer::new(&mut self.out),
            error,
        };
        if message_type.is_empty() {
            output.error = Some(Error::failed("the type is empty"));
        }
        output.set("type", message_type);
        output
    }

    /// The actor's config. That of an actor that declares none is `{}`.
    pub fn config<T: DeserializeOwned>(&self) -> Result<T> {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.config.is_none() {
            let config = call::one(&mut buffers, "config.get", &[], nothing)?;
            buffers.config = Some(config.data.to_vec());
        }
        let config = match buffers.config.as_deref() {
            Some([]) | None => b"{}",
            Some(config) => config,
        };
        serde_json::from_slice(config).map_err(|e| Error::from(e).context("decode config"))
    }

    /// The state of the message's key.
    pub fn state(&self) -> State<'_> {
        State {
            buffers: &self.buffers,
        }
    }

    /// Begins a log line.
    pub fn log(&self) -> Log {
        Log::new()
    }

    /// Makes 1 to 32 requests, which the host serves at the same time, and
    /// returns their answers in the order of the requests. The outer error is
    /// about the call as a whole.
    pub fn call(
        &self,
        requests: &[Request],
    ) -> Result<Vec<std::result::Result<Answer, CallError>>> {
        call::call(&mut self.buffers.borrow_mut(), requests)
    }

    /// Makes one request.
    pub fn do_one(&self, request: Request) -> Result<Answer> {
        match self.call(std::slice::from_ref(&request))?.pop() {
            Some(answer) => Ok(answer?),
            None => Err(Error::from(FrameError::Count)),
        }
    }

    /// A secret that the grant covers.
    pub fn secret(&self, grant: &str, name: &str) -> Result<String> {
        let mut buffers = self.buffers.borrow_mut();
        let attrs = [("use", grant), ("name", name)];
        let answer = call::one(&mut buffers, "secret.get", &attrs, nothing)?;
        Ok(std::str::from_utf8(answer.data)?.to_owned())
    }

    /// The database that the grant covers.
    pub fn sql(&self, grant: &str) -> Sql<'_, 'a> {
        Sql::new(self, grant)
    }

    /// The bucket that the grant covers.
    pub fn kv(&self, grant: &str) -> Kv<'_, 'a> {
        Kv::new(self, grant)
    }

    /// The language model that the grant covers.
    pub fn llm(&self, grant: &str) -> Llm<'_, 'a> {
        Llm::new(self, grant)
    }

    /// The time of day when it is called. It is recorded, so that a replay
    /// sees the same.
    pub fn real_time(&self) -> Result<SystemTime> {
        let mut buffers = self.buffers.borrow_mut();
        let answer = call::one(&mut buffers, "time.now", &[], nothing)?;
        let ns: u64 = answer.attr("unix_ns").unwrap_or_default().parse()?;
        Ok(UNIX_EPOCH + Duration::from_nanos(ns))
    }

    /// The time at which handling began, the same each time the message is
    /// replayed. `SystemTime::now()` does not exist in an actor. It adds the
    /// import `clock_time_get` to the module.
    pub fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(host::clock())
    }

    /// Fills `buffer` from the message's random stream: the same bytes each
    /// time the message is handled, and different ones for every message. It
    /// adds the import `random_get` to the module.
    pub fn random(&self, buffer: &mut [u8]) {
        host::random(buffer);
    }
}

/// A message that is being put together.
#[must_use = "a message is sent by json or bytes"]
pub struct Output<'c> {
    message_type: &'c str,
    outputs: &'c mut usize,
    writer: Writer<'c>,
    /// The first thing that went wrong; `json` and `bytes` return it.
    error: Option<Error>,
}

impl Output<'_> {
    /// The HTTP status with which a reply reaches the client.
    pub fn status(mut self, status: u16) -> Self {
        self.set("http.status", &status.to_string());
        self
    }

    /// An HTTP header of a reply. Upper and lower case make no difference in
    /// the name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let set = self.writer.attr_lower("http.header.", name, value);
        self.note(set, name);
        self
    }

    /// Lets the message wait before it is delivered, counted in milliseconds
    /// and rounded up.
    pub fn delay(mut self, wait: Duration) -> Self {
        self.set("delay", &milliseconds(wait));
        self
    }

    /// An attribute of the actor's own. It becomes `x.<name>` and travels on
    /// with the messages sent for this one.
    pub fn attr(mut self, name: &str, value: &str) -> Self {
        let set = self.writer.attr_under("x.", name, value);
        self.note(set, name);
        self
    }

    /// Sends the message with `value`, encoded as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        self.finish(|b| Ok(serde_json::to_writer(b, value)?))
    }

    /// Sends the message with data as it is, of the given media type.
    pub fn bytes(mut self, content_type: &str, data: &[u8]) -> Result<()> {
        if content_type != crate::JSON {
            self.set("datacontenttype", content_type);
        }
        self.finish(|b| {
            b.extend_from_slice(data);
            Ok(())
        })
    }

    fn set(&mut self, name: &str, value: &str) {
        let set = self.writer.attr(name, value);
        self.note(set, name);
    }

    /// Keeps the first error.
    fn note(&mut self, set: std::result::Result<(), FrameError>, name: &str) {
        if let Err(e) = set {
            self.error
                .get_or_insert(Error::from(e).context(format_args!("attribute {name:.64?}")));
        }
    }

    fn finish(self, write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<()> {
        let doing = format_args!("send {}", self.message_type);
        if let Some(error) = self.error {
            return Err(error.context(doing));
        }
        self.writer.data_from(write).map_err(|e| e.context(doing))?;
        *self.outputs += 1;
        Ok(())
    }
}

pub(crate) fn milliseconds(wait: Duration) -> String {
    wait.as_nanos().div_ceil(1_000_000).to_string()
}
