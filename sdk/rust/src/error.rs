use std::error::Error as StdError;
use std::time::Duration;
use std::{fmt, io};

/// What a handler returns: nothing, or why the message was not handled.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a message was not handled.
///
/// Any [`std::error::Error`] becomes an `Error` through `?`: the message has
/// *failed*, which is logged and ends the instance; the message is tried again
/// by the actor's retry policy. Two are made on purpose: [`Error::refuse`] and
/// [`Error::later`]. A [`CallError`] whose `retry` is set becomes a try-later,
/// also when it is the source of another error.
///
/// `Error` does not implement [`std::error::Error`], which is what allows the
/// conversion from every other one.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    call: Option<Box<CallError>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Refused {
        code: String,
    },
    Later {
        code: String,
        after: Option<Duration>,
    },
    Failed,
}

impl Error {
    /// The message is at fault and trying again would not help. `code` is
    /// stable and for programs (`order.empty`), `text` is for people.
    pub fn refuse(code: impl Into<String>, text: impl Into<String>) -> Self {
        Error {
            kind: Kind::Refused { code: code.into() },
            text: text.into(),
            call: None,
        }
    }

    /// The message should be delivered again. The actor's retry policy says
    /// when and how often; [`Error::after`] makes it wait longer.
    pub fn later(text: impl Into<String>) -> Self {
        Error {
            kind: Kind::Later {
                code: "later".into(),
                after: None,
            },
            text: text.into(),
            call: None,
        }
    }

    /// The message failed: it is logged, and the instance ends.
    pub fn failed(text: impl Into<String>) -> Self {
        Error {
            kind: Kind::Failed,
            text: text.into(),
            call: None,
        }
    }

    /// The error answer of a capability that this one came from, to tell by its code
    /// what to do: `conflict`, say.
    pub fn call(&self) -> Option<&CallError> {
        self.call.as_deref()
    }

    /// The same for [`std::io`]. What a capability answered stays in it.
    pub(crate) fn into_io(mut self) -> io::Error {
        match self.call.take() {
            Some(call) => io::Error::other(*call),
            None => io::Error::other(self.to_string()),
        }
    }

    /// Waits at least so long before the message is delivered again, counted
    /// in milliseconds and rounded up. It changes nothing but a try-later.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        if let Kind::Later { after, .. } = &mut self.kind {
            *after = Some(wait);
        }
        self
    }

    /// Puts what was being done before the text.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.text = format!("{doing}: {}", self.text);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Refused { code } | Kind::Later { code, .. } => {
                write!(f, "{code}: {}", self.text)
            }
            Kind::Failed => f.write_str(&self.text),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E: StdError + 'static> From<E> for Error {
    fn from(e: E) -> Self {
        let mut text = e.to_string();
        let mut kind = Kind::Failed;
        let mut answered = None;
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&e);
        while let Some(c) = cause {
            if let Some(call) = call_in(c) {
                answered.get_or_insert_with(|| Box::new(call.clone()));
                if call.retry {
                    kind = Kind::Later {
                        code: call.code.clone(),
                        after: None,
                    };
                }
            }
            cause = c.source();
            if let Some(next) = cause {
                let more = next.to_string();
                // Many errors print their source themselves.
                if !text.ends_with(&more) {
                    text = format!("{text}: {more}");
                }
            }
        }
        Error {
            kind,
            text,
            call: answered,
        }
    }
}

/// The error answer that `e` is, or that an [`io::Error`] was made of, which is not its source.
fn call_in<'e>(e: &'e (dyn StdError + 'static)) -> Option<&'e CallError> {
    let of_io = || e.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref();
    e.downcast_ref().or_else(of_io)
}

/// The error answer of a capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The operation that was asked for: `state.set`.
    pub op: String,
    /// `denied`, `not_found`, `conflict`, `timeout`, `limit`, `unavailable`,
    /// `invalid` or the capability's own.
    pub code: String,
    /// For people.
    pub text: String,
    /// Trying again may help.
    pub retry: bool,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.op, self.code, self.text)
    }
}

impl StdError for CallError {}
