//! The SDK for grow actors written in Rust.
//!
//! An actor is a `cdylib` crate that names a handler for each type of message
//! it takes:
//!
//! ```
//! use grow::{Context, Error, Result};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order {
//!     id: String,
//!     total: f64,
//! }
//!
//! #[derive(Serialize)]
//! struct Priced {
//!     id: String,
//!     due: f64,
//! }
//!
//! fn placed(ctx: &mut Context, order: Order) -> Result {
//!     if order.total <= 0.0 {
//!         return Err(Error::refuse("order.empty", "an order needs a total"));
//!     }
//!     ctx.send("order.priced", &Priced { id: order.id, due: order.total * 0.9 })
//! }
//!
//! grow::actor! {
//!     "order.placed" => placed,
//! }
//! # fn main() {}
//! ```
//!
//! # What comes of a message
//!
//! What a handler returns decides:
//!
//! - `Ok(())`: handled. What was sent and what was written to state become
//!   durable together, or not at all.
//! - [`Error::refuse`]: refused. The message is at fault; it is not tried again.
//! - [`Error::later`], or a [`CallError`] whose `retry` is set: tried again by
//!   the actor's retry policy.
//! - any other error, and a panic: failed. It is logged at level error, a panic
//!   with its place in the source, and the instance ends with a trap. The
//!   message is tried again by the retry policy, in a new instance.
//!
//! In the last three cases nothing the handler sent or wrote to state takes
//! effect.
//!
//! # Memory, time and chance
//!
//! An instance handles one message at a time. Statics live as long as the
//! instance, which the host may end between any two messages: they are a cache;
//! what must last is [`Context::state`].
//!
//! The module imports `grow.call` and `grow.answer` and nothing else, unless it
//! uses [`Context::now`] or [`Context::random`], which stand still and repeat
//! themselves for a message, so that a replay takes the same course.
//!
//! [`testing`] runs handlers in ordinary tests.

#![warn(missing_docs)]

mod actor;
mod ask;
mod blob;
mod call;
mod context;
mod error;
mod export;
mod files;
mod frame;
mod host;
mod kv;
mod llm;
mod log;
mod mail;
mod message;
mod operation;
mod publish;
mod sql;
mod state;
mod stream;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use actor::{Actor, Both, Handler, Raw, Typed};
pub use blob::{Blob, NO_OBJECT, Object, Reader, Writer};
pub use call::{Answer, Request};
pub use context::{Context, Output};
pub use error::{CallError, Error, Result};
pub use files::{File, Files};
pub use frame::{Attrs, FrameError};
pub use kv::{Entry, Keep, Kv};
pub use llm::{Chat, ChatMessage, ChatReply, ChatStream, Llm, TokenUsage, Tool, ToolCall};
pub use log::Log;
pub use mail::{Attachment, Mail, Mailed};
pub use message::Message;
pub use operation::Response;
pub use publish::Published;
pub use sql::{Rows, Sql, Statement};
pub use state::{State, Value};
pub use stream::{Event, Events, HttpRequest, Stream};

pub use serde;
pub use serde_json;

/// The media type of data that names none.
const JSON: &str = "application/json";

/// For `actor!` alone.
#[doc(hidden)]
pub mod rt {
    pub use crate::actor::check_patterns;
    pub use crate::export::{alloc, handle_at, init_at};
}

/// Makes the crate an actor: names a [`Handler`] for each type of message.
///
/// ```
/// # use grow::{Context, Message, Result};
/// # #[derive(serde::Deserialize)] struct Config { currency: String }
/// # #[derive(serde::Deserialize)] struct Order { id: String }
/// fn start(ctx: &mut Context, config: Config) -> Result { Ok(()) }
/// fn placed(ctx: &mut Context, order: Order) -> Result { Ok(()) }
/// fn hook(ctx: &mut Context, message: &Message) -> Result { Ok(()) }
/// fn cancelled(ctx: &mut Context, message: &Message, order: Order) -> Result { Ok(()) }
///
/// grow::actor! {
///     init => start,
///     "order.placed" => placed,
///     "order.cancelled" => cancelled,
///     "hook.*" => hook,
/// }
/// # fn main() {}
/// ```
///
/// `init`, if there is one, comes first. It runs once in every instance, before
/// messages, with the actor's config; it cannot send, and its error keeps the
/// instance from starting.
///
/// A pattern is a type, the beginning of one as in `"hook.*"`, or `"*"` for
/// every type; of those that fit, the longest is taken. A message that none
/// fits fails. Malformed and repeated patterns do not compile.
///
/// The macro makes the exports of the ABI and, for tests, a function
/// `grow_actor() -> &'static grow::Actor`.
#[macro_export]
macro_rules! actor {
    (init => $init:expr, $($pattern:literal => $handler:expr),+ $(,)?) => {
        $crate::actor!(@make ::core::option::Option::Some(|ctx| {
            let config = ctx.config()?;
            $init(ctx, config)
        }), $($pattern => $handler),+);
    };
    ($($pattern:literal => $handler:expr),+ $(,)?) => {
        $crate::actor!(@make ::core::option::Option::None, $($pattern => $handler),+);
    };
    (@make $init:expr, $($pattern:literal => $handler:expr),+) => {
        /// The actor that this crate is.
        pub fn grow_actor() -> &'static $crate::Actor {
            static ACTOR: $crate::Actor = $crate::Actor {
                init: $init,
                handlers: &[$(($pattern, |ctx| $crate::Handler::handle(&$handler, ctx))),+],
            };
            const _: () = $crate::rt::check_patterns(&[$($pattern),+]);
            &ACTOR
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            #[unsafe(no_mangle)]
            extern "C" fn grow_abi() -> u32 {
                1
            }
            #[unsafe(no_mangle)]
            extern "C" fn grow_alloc(len: usize) -> *mut u8 {
                $crate::rt::alloc(len)
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn grow_handle(ptr: *const u8, len: usize) -> u64 {
                unsafe { $crate::rt::handle_at(grow_actor(), ptr, len) }
            }
            #[unsafe(no_mangle)]
            unsafe extern "C" fn grow_init(ptr: *const u8, len: usize) -> u32 {
                unsafe { $crate::rt::init_at(grow_actor(), ptr, len) }
            }
        };
    };
}
