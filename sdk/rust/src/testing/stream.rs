//! Streams in the host of a test: what is asked for as a stream is asked of the
//! double of its operation once, when its body has ended.

use super::{Asked, Double, Reply};
use crate::CallError;
use std::collections::BTreeMap;

/// The streams of the message being handled.
#[derive(Default)]
pub(super) struct Streams {
    open: BTreeMap<String, Stream>,
    opened: u64,
}

/// One that is open.
struct Stream {
    /// The request of the operation that it is of.
    asked: Asked,
    /// The body is there.
    whole: bool,
    /// What is left of the answer, once there is one.
    answer: Option<Reply>,
}

fn refusal(code: &str, text: &str) -> CallError {
    CallError {
        op: String::new(),
        code: code.to_owned(),
        text: text.to_owned(),
        retry: code == "timeout",
    }
}

impl Streams {
    pub(super) fn serve(&mut self, asked: Asked, double: &Double) -> Result<Reply, CallError> {
        if asked.op == "stream.open" {
            return self.begin(asked, double);
        }
        let handle = asked.attrs.get("handle").cloned().unwrap_or_default();
        if asked.op == "stream.close" {
            self.open.remove(&handle);
            return Ok(Reply::default());
        }
        let Some(stream) = self.open.get_mut(&handle) else {
            return Err(refusal("not_found", "no such stream is open"));
        };
        if asked.op == "stream.write" {
            if stream.whole {
                return Err(refusal("invalid", "the body of the request has been sent"));
            }
            stream.asked.data.extend(asked.data);
            stream.whole = asked.attrs.contains_key("end");
            return Ok(Reply::default());
        }
        if !stream.whole {
            return Err(refusal(
                "timeout",
                "a double answers when the body has ended",
            ));
        }
        let max = asked.attrs.get("max").and_then(|n| n.parse().ok());
        let reply = stream.read(max.unwrap_or(usize::MAX), double);
        if !matches!(&reply, Ok((_, false))) {
            self.open.remove(&handle);
        }
        reply.map(|(reply, _)| reply)
    }

    fn begin(&mut self, asked: Asked, double: &Double) -> Result<Reply, CallError> {
        let mut attrs = asked.attrs;
        let op = attrs.remove("of").unwrap_or_default();
        let whole = attrs.remove("body").is_none();
        let mut stream = Stream {
            asked: Asked {
                op,
                attrs,
                data: asked.data,
            },
            whole,
            answer: None,
        };
        self.opened += 1;
        let handle = self.opened.to_string();
        let mut reply = Reply::default();
        reply.attrs.push(("handle".into(), handle.clone()));
        if whole {
            let mut answer = double(&stream.asked)?;
            reply.attrs.append(&mut answer.attrs);
            stream.answer = Some(answer);
        }
        self.open.insert(handle, stream);
        Ok(reply)
    }
}

impl Stream {
    /// The next piece, and whether it is the last.
    fn read(&mut self, max: usize, double: &Double) -> Result<(Reply, bool), CallError> {
        let mut answer = match self.answer.take() {
            Some(answer) => answer,
            None => double(&self.asked)?,
        };
        let rest = answer.data.split_off(max.min(answer.data.len()));
        let last = rest.is_empty();
        if last {
            answer.attrs.push(("end".into(), "yes".into()));
        }
        self.answer = Some(Reply {
            attrs: Vec::new(),
            data: rest,
        });
        Ok((answer, last))
    }
}
