use crate::frame::{self, Attrs, FrameError, Reader, View, Writer};
use crate::{CallError, Error, Result, host};
use serde::Serialize;
use std::ops::Range;
use std::rc::Rc;

/// Requests in one call, at most.
const REQUESTS_MAX: usize = 32;

/// The size in bytes of the buffer for answers.
const ANSWER_SIZE: usize = 4096;

/// The size in bytes above which a buffer is not kept for the next message.
pub(crate) const KEEP_MAX: usize = 256 << 10;

/// Memory that is used again for every message.
pub(crate) struct Buffers {
    request: Vec<u8>,
    answer: Vec<u8>,
    /// What `grow_init` was given.
    pub(crate) config: Option<Vec<u8>>,
}

impl Buffers {
    pub(crate) const NEW: Buffers = Buffers {
        request: Vec::new(),
        answer: Vec::new(),
        config: None,
    };

    /// Gives back what an unusual message made large.
    pub(crate) fn trim(&mut self) {
        if self.request.capacity() > KEEP_MAX {
            self.request = Vec::new();
        }
        if self.answer.len() > KEEP_MAX {
            self.answer = Vec::new();
        }
    }

    /// Hands the request to the host and returns the answer frame.
    fn exchange(&mut self) -> Result<&[u8]> {
        if self.answer.is_empty() {
            self.answer.resize(ANSWER_SIZE, 0);
        }
        let n = host::call(&self.request, &mut self.answer);
        if n > self.answer.len() {
            self.answer.resize(n + n / 4, 0);
            let got = host::answer(&mut self.answer);
            if got != n {
                return Err(Error::failed(format!(
                    "call: the host gave {got} bytes of an answer of {n}"
                )));
            }
        }
        Ok(&self.answer[..n])
    }
}

/// Makes one request without a grant or with the grant among `attrs`; `write`
/// appends its data. The answer lies in the buffers.
pub(crate) fn one<'b>(
    buffers: &'b mut Buffers,
    op: &str,
    attrs: &[(&str, &str)],
    write: impl FnOnce(&mut Vec<u8>) -> Result<()>,
) -> Result<View<'b>> {
    buffers.request.clear();
    frame::put_count(&mut buffers.request, 1);
    let mut w = Writer::new(&mut buffers.request);
    w.attr("type", op)?;
    for (name, value) in attrs {
        w.attr(name, value)
            .map_err(|e| Error::from(e).context(format_args!("{op}: attribute {name:?}")))?;
    }
    w.data_from(write).map_err(|e| e.context(op))?;
    let answer = frame::one(buffers.exchange()?).map_err(|e| malformed(op, e))?;
    check(op, answer)?;
    Ok(answer)
}

/// For [`one`]: a request without data.
pub(crate) fn nothing(_: &mut Vec<u8>) -> Result<()> {
    Ok(())
}

fn malformed(op: &str, e: FrameError) -> Error {
    Error::from(e).context(format_args!(
        "{op}: the host answered with a malformed frame"
    ))
}

/// Returns the error that an answer is.
fn check(op: &str, answer: View<'_>) -> std::result::Result<(), CallError> {
    if answer.attr("type") != Some("grow.error") {
        return Ok(());
    }
    Err(CallError {
        op: op.to_owned(),
        code: answer.attr("code").unwrap_or_default().to_owned(),
        text: String::from_utf8_lossy(answer.data).into_owned(),
        retry: answer.attr("retry") == Some("yes"),
    })
}

/// A request to a capability.
#[derive(Clone, Debug)]
pub struct Request {
    op: String,
    attrs: Vec<(String, String)>,
    data: Vec<u8>,
}

impl Request {
    /// A request for an operation: `http.fetch`.
    pub fn new(op: impl Into<String>) -> Self {
        Request {
            op: op.into(),
            attrs: Vec::new(),
            data: Vec::new(),
        }
    }

    /// The grant's name in the actor's `uses`, for operations that need one.
    #[must_use]
    pub fn grant(self, name: impl Into<String>) -> Self {
        self.attr("use", name)
    }

    /// A parameter.
    #[must_use]
    pub fn attr(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.push((name.into(), value.into()));
        self
    }

    /// The body.
    #[must_use]
    pub fn data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = data.into();
        self
    }

    /// A body of JSON.
    pub fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        self.data = serde_json::to_vec(value)?;
        Ok(self)
    }
}

/// What a capability answered.
#[derive(Clone)]
pub struct Answer {
    /// The frame of the whole call, which its answers share.
    frame: Rc<[u8]>,
    message: Range<usize>,
}

impl Answer {
    fn view(&self) -> View<'_> {
        frame::part(&self.frame[self.message.clone()])
    }

    /// The value of an attribute.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.view().attr(name)
    }

    /// All attributes.
    pub(crate) fn attrs(&self) -> Attrs<'_> {
        self.view().attrs()
    }

    /// The data.
    pub fn data(&self) -> &[u8] {
        self.view().data
    }

    /// The data, decoded from JSON. It may borrow from the answer.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T> {
        Ok(serde_json::from_slice(self.data())?)
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.view().attrs())
            .entry(&"data", &String::from_utf8_lossy(self.data()))
            .finish()
    }
}

pub(crate) fn call(
    buffers: &mut Buffers,
    requests: &[Request],
) -> Result<Vec<std::result::Result<Answer, CallError>>> {
    if requests.is_empty() || requests.len() > REQUESTS_MAX {
        return Err(Error::failed(format!(
            "call: {} requests, not 1 to {REQUESTS_MAX}",
            requests.len()
        )));
    }
    buffers.request.clear();
    frame::put_count(&mut buffers.request, requests.len());
    for r in requests {
        let mut w = Writer::new(&mut buffers.request);
        w.attr("type", &r.op)?;
        for (name, value) in &r.attrs {
            w.attr(name, value).map_err(|e| {
                Error::from(e).context(format_args!("call {}: attribute {name:.64?}", r.op))
            })?;
        }
        w.data(&r.data);
    }
    let frame: Rc<[u8]> = buffers.exchange()?.into();
    let mut reader = Reader::trusting(&frame).map_err(|e| malformed("call", e))?;
    if reader.left() != requests.len() {
        return Err(malformed("call", FrameError::Count));
    }
    let mut answers = Vec::with_capacity(requests.len());
    for r in requests {
        let start = reader.position(&frame);
        let view = match reader.next() {
            Some(view) => view.map_err(|e| malformed("call", e))?,
            None => return Err(malformed("call", FrameError::Count)),
        };
        answers.push(check(&r.op, view).map(|()| Answer {
            frame: Rc::clone(&frame),
            message: start..reader.position(&frame),
        }));
    }
    Ok(answers)
}
