//! What the host of a test does for its actor.

use super::{Asked, Line, Reply, World, append, owned, put, to_json};
use crate::CallError;
use crate::frame::{self, Reader};
use crate::host::Native;
use std::time::Duration;

/// The time since 1970 as the attribute `time` has it. Days become a date by
/// counting years from March, so that the leap day is a year's last.
pub(super) fn rfc3339(since: Duration) -> String {
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let days = days + 719_468; // from the first of March of the year 0
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (era * 400 + year, month + 3),
        _ => (era * 400 + year + 1, month - 9),
    };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let fraction = match since.subsec_nanos() {
        0 => String::new(),
        ns => format!(".{ns:09}"),
    };
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Names in one answer to `state.list`: few, so that tests meet a second page.
const PAGE_MAX: usize = 100;

impl Native for World {
    fn call(&self, request: &[u8]) -> Vec<u8> {
        let requests = Reader::new(request).expect("abi.request: the request is a frame");
        assert!(
            (1..=32).contains(&requests.left()),
            "abi.request: 1 to 32 requests"
        );
        let mut b = Vec::new();
        frame::put_count(&mut b, requests.left());
        for m in requests {
            let m = m.expect("abi.request: the request is a frame");
            let mut attrs = owned(m);
            let op = attrs
                .remove("type")
                .expect("abi.request: a request has a type");
            let asked = Asked {
                op,
                attrs,
                data: m.data.to_vec(),
            };
            match self.serve(asked) {
                Ok(reply) => {
                    let mut attrs = vec![("type", "ok")];
                    attrs.extend(reply.attrs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                    append(&mut b, &reply.data, &attrs);
                }
                Err(e) => {
                    let retry = if e.retry { "yes" } else { "no" };
                    let attrs = [("type", "grow.error"), ("code", &e.code), ("retry", retry)];
                    append(&mut b, e.text.as_bytes(), &attrs);
                }
            }
        }
        b
    }

    fn clock(&self) -> u64 {
        self.now.get().as_nanos() as u64
    }

    /// SplitMix64 of the message's number: chance enough for tests.
    fn random(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let seed = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.random.set(seed);
            let z = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bytes = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

impl World {
    fn serve(&self, asked: Asked) -> Result<Reply, CallError> {
        if let Some(level) = asked.op.strip_prefix("log.") {
            let fields = asked.attrs.iter();
            let fields = fields.map(|(n, v)| (n.trim_start_matches("x.").to_owned(), v.clone()));
            self.logs.borrow_mut().push(Line {
                level: level.to_owned(),
                text: String::from_utf8_lossy(&asked.data).into_owned(),
                fields: fields.collect(),
            });
            return Ok(Reply::default());
        }
        if asked.op.starts_with("state.") {
            return self.serve_state(&asked);
        }
        match asked.op.as_str() {
            "config.get" => Ok(Reply {
                data: self.config.borrow().clone(),
                ..Reply::default()
            }),
            "time.now" => Ok(Reply {
                attrs: vec![("unix_ns".into(), self.clock().to_string())],
                ..Reply::default()
            }),
            _ => match &*self.double.borrow() {
                Some(double) if asked.op.starts_with("stream.") => {
                    self.streams.borrow_mut().serve(asked, double)
                }
                Some(double) => double(&asked),
                None => Err(refusal("denied", format!("no double for {}", asked.op))),
            },
        }
    }

    fn serve_state(&self, asked: &Asked) -> Result<Reply, CallError> {
        let mut open = self.open.borrow_mut();
        let Some(values) = open.as_mut() else {
            return Err(refusal("denied", "no message is being handled"));
        };
        let attr = |name: &str| asked.attrs.get(name).map(String::as_str);
        let name = attr("name").unwrap_or_default();
        let mut reply = Reply::default();
        match asked.op.as_str() {
            "state.get" => {
                let (data, revision) = values.get(name).cloned().unwrap_or_default();
                reply.attrs = vec![("revision".into(), revision.to_string())];
                reply.data = data;
            }
            "state.set" => {
                if serde_json::from_slice::<serde::de::IgnoredAny>(&asked.data).is_err() {
                    return Err(refusal("invalid", "the value is not JSON"));
                }
                put(values, name, asked.data.clone());
            }
            "state.delete" => {
                values.remove(name);
            }
            "state.list" => {
                let limit = attr("limit")
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(PAGE_MAX);
                let prefix = attr("prefix").unwrap_or_default();
                let names = values.keys().filter(|n| {
                    n.starts_with(prefix) && attr("after").is_none_or(|after| n.as_str() > after)
                });
                reply.data = to_json(&names.take(limit.min(PAGE_MAX)).collect::<Vec<_>>());
            }
            op => return Err(refusal("invalid", format!("no operation {op}"))),
        }
        Ok(reply)
    }
}

fn refusal(code: &str, text: impl Into<String>) -> CallError {
    CallError {
        op: String::new(),
        code: code.to_owned(),
        text: text.into(),
        retry: false,
    }
}
