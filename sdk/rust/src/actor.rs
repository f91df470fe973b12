use crate::call::Buffers;
use crate::frame;
use crate::{Context, Error, Message, Result};
use serde::de::DeserializeOwned;
use std::cell::RefCell;

/// A function that can handle messages. [`actor!`](crate::actor) takes any of
///
/// ```text
/// fn(&mut Context, T) -> Result              // the data, decoded from JSON
/// fn(&mut Context, &Message) -> Result       // the message as it is
/// fn(&mut Context, &Message, T) -> Result    // both
/// ```
///
/// `Kind` tells them apart and is always inferred.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot handle messages",
    label = "not a handler",
    note = "a handler is `fn(&mut Context, T) -> grow::Result`, `fn(&mut Context, &Message) -> grow::Result` or `fn(&mut Context, &Message, T) -> grow::Result`, where T implements serde::Deserialize and borrows nothing"
)]
pub trait Handler<Kind> {
    /// Handles one message.
    fn handle(&self, ctx: &mut Context<'_>) -> Result;
}

/// The kind of a [`Handler`] of decoded data.
pub struct Typed<T>(std::marker::PhantomData<T>);
/// The kind of a [`Handler`] of messages.
pub struct Raw;
/// The kind of a [`Handler`] of both.
pub struct Both<T>(std::marker::PhantomData<T>);

impl<F, T> Handler<Typed<T>> for F
where
    F: Fn(&mut Context<'_>, T) -> Result,
    T: DeserializeOwned,
{
    fn handle(&self, ctx: &mut Context<'_>) -> Result {
        let value = decoded(&ctx.message())?;
        self(ctx, value)
    }
}

impl<F> Handler<Raw> for F
where
    F: Fn(&mut Context<'_>, &Message<'_>) -> Result,
{
    fn handle(&self, ctx: &mut Context<'_>) -> Result {
        let message = ctx.message();
        self(ctx, &message)
    }
}

impl<F, T> Handler<Both<T>> for F
where
    F: Fn(&mut Context<'_>, &Message<'_>, T) -> Result,
    T: DeserializeOwned,
{
    fn handle(&self, ctx: &mut Context<'_>) -> Result {
        let message = ctx.message();
        let value = decoded(&message)?;
        self(ctx, &message, value)
    }
}

/// The data for a handler. What does not decode is refused: the host has checked
/// it against the declared type, so trying again would not help.
fn decoded<T: DeserializeOwned>(message: &Message<'_>) -> Result<T> {
    message
        .decode()
        .map_err(|e| Error::refuse("data.decode", e.to_string()))
}

/// A [`Handler`] without its kind.
type Handle = fn(&mut Context<'_>) -> Result;

/// What [`actor!`](crate::actor) makes of its list.
pub struct Actor {
    #[doc(hidden)]
    pub init: Option<Handle>,
    #[doc(hidden)]
    pub handlers: &'static [(&'static str, Handle)],
}

impl Actor {
    /// The handler whose pattern fits a type; of several the longest pattern.
    fn find(&self, message_type: &str) -> Option<Handle> {
        let mut best: Option<(usize, Handle)> = None;
        for (pattern, handler) in self.handlers {
            if *pattern == message_type {
                return Some(*handler);
            }
            let Some(prefix) = pattern.strip_suffix('*') else {
                continue;
            };
            if message_type.starts_with(prefix) && best.is_none_or(|(n, _)| n < prefix.len()) {
                best = Some((prefix.len(), *handler));
            }
        }
        best.map(|(_, handler)| handler)
    }
}

/// Refuses malformed and repeated patterns; `actor!` runs it while compiling.
#[doc(hidden)]
pub const fn check_patterns(patterns: &[&str]) {
    let mut i = 0;
    while i < patterns.len() {
        let p = patterns[i].as_bytes();
        assert!(!p.is_empty(), "a pattern is empty");
        let mut k = 0;
        while k < p.len() {
            assert!(
                p[k] != b'*' || k == p.len() - 1 && (k == 0 || p[k - 1] == b'.'),
                "a pattern is a type, or ends in .*, or is *"
            );
            k += 1;
        }
        let mut j = 0;
        while j < i {
            assert!(
                !same(p, patterns[j].as_bytes()),
                "two handlers for one pattern"
            );
            j += 1;
        }
        i += 1;
    }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

/// What an instance keeps from message to message.
struct Instance {
    out: Vec<u8>,
    buffers: Buffers,
}

impl Instance {
    const NEW: Instance = Instance {
        out: Vec::new(),
        buffers: Buffers::NEW,
    };
}

thread_local! {
    // An instance has one thread; in tests each thread is an instance.
    static INSTANCE: RefCell<Instance> = const { RefCell::new(Instance::NEW) };
}

/// Runs `f` with a context for the message in `frame` and keeps its memory.
fn with_context<R>(
    frame: &[u8],
    handling: bool,
    f: impl FnOnce(&mut Context<'_>) -> R,
) -> Result<R> {
    let view = frame::one(frame).map_err(|e| Error::from(e).context("read message"))?;
    let Instance { out, buffers } = INSTANCE.replace(Instance::NEW);
    let mut ctx = Context::new(Message { view }, handling, out, buffers);
    let result = f(&mut ctx);
    let (out, mut buffers) = ctx.into_parts();
    buffers.trim();
    INSTANCE.set(Instance { out, buffers });
    Ok(result)
}

/// Handles the message in `frame` and hands the answer frame, empty for no
/// outputs, to `answer`. An error means that the message failed.
pub(crate) fn handle<R>(actor: &Actor, frame: &[u8], answer: impl FnOnce(&[u8]) -> R) -> Result<R> {
    with_context(frame, true, |ctx| -> Result {
        let message_type = ctx.message().message_type();
        let handled = match actor.find(message_type) {
            Some(handler) => handler(ctx),
            None => Err(Error::failed(format!(
                "no handler for messages of type {message_type}"
            ))),
        };
        if let Err(e) = handled {
            ctx.answer_error(e)?;
        }
        ctx.finish();
        Ok(())
    })??;
    Ok(INSTANCE.with_borrow(|instance| answer(&instance.out)))
}

/// Keeps the config in `frame` and runs the init handler.
pub(crate) fn start(actor: &Actor, frame: &[u8]) -> Result {
    with_context(frame, false, |ctx| {
        let config = ctx.message().data().to_vec();
        ctx.buffers.borrow_mut().config = Some(config);
        match actor.init {
            Some(init) => init(ctx).map_err(|e| e.context("init")),
            None => Ok(()),
        }
    })?
}
