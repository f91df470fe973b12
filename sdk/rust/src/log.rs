use crate::frame::{self, NAME_MAX, VALUE_MAX, Writer};
use crate::host;
use std::fmt::Display;

/// Bytes of a line's text; what is beyond them is cut off.
const TEXT_MAX: usize = 64 << 10;

/// A log line that is being put together. It is written by its level:
/// `ctx.log().field("order", &o.id).info("priced")`. Lines are kept even when
/// the message fails.
#[derive(Clone, Default)]
#[must_use = "a line is written by debug, info, warn or error"]
pub struct Log {
    fields: Vec<(String, String)>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Log::default()
    }

    /// Adds a field; of those with the same name the last counts. Values
    /// longer than 4 KiB are cut off.
    pub fn field(mut self, name: &str, value: impl Display) -> Self {
        let name = cut(format!("x.{name}"), NAME_MAX);
        self.fields.retain(|(n, _)| *n != name);
        self.fields.push((name, cut(value.to_string(), VALUE_MAX)));
        self
    }

    /// Writes the line at level debug.
    pub fn debug(self, text: impl Display) {
        self.write("log.debug", text);
    }

    /// Writes the line at level info.
    pub fn info(self, text: impl Display) {
        self.write("log.info", text);
    }

    /// Writes the line at level warn.
    pub fn warn(self, text: impl Display) {
        self.write("log.warn", text);
    }

    /// Writes the line at level error.
    pub fn error(self, text: impl Display) {
        self.write("log.error", text);
    }

    /// Has memory of its own, so that a panic can be logged at any moment.
    fn write(self, op: &str, text: impl Display) {
        let mut request = Vec::with_capacity(256);
        frame::put_count(&mut request, 1);
        let mut w = Writer::new(&mut request);
        // Fields beyond the limit of attributes are left out: a log line is no reason to fail a message.
        let _ = w.attr("type", op);
        for (name, value) in &self.fields {
            let _ = w.attr(name, value);
        }
        w.data(cut(text.to_string(), TEXT_MAX).as_bytes());
        // So is what the host answers, which may not even fit.
        host::call(&request, &mut [0; 128]);
    }
}

/// Cuts `s` to at most `n` bytes, between two characters.
pub(crate) fn cut(mut s: String, n: usize) -> String {
    if s.len() > n {
        let end = (0..=n).rev().find(|&i| s.is_char_boundary(i));
        s.truncate(end.unwrap_or(0));
    }
    s
}
