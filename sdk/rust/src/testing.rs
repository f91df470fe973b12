//! Runs an actor's handlers in ordinary tests, with a host that keeps state,
//! config and log lines in memory and answers requests to capabilities with a
//! double.
//!
//! ```
//! # use grow::{Context, Result};
//! # fn placed(ctx: &mut Context, order: grow::serde_json::Value) -> Result {
//! #     ctx.send("order.priced", &order)
//! # }
//! # grow::actor! { "order.placed" => placed }
//! use grow::testing::{Host, Kind};
//!
//! let host = Host::new(grow_actor());
//! let got = host.send("order.placed", &grow::serde_json::json!({"total": 200}));
//! assert_eq!(got.kind, Kind::Handled);
//! assert_eq!(got.outputs[0].message_type, "order.priced");
//! ```
//!
//! It does not check types: the tests that grow runs on the built module do.

mod stream;
mod world;

use crate::actor::{Actor, handle, start};
use crate::frame::{self, Reader, View, Writer};
use crate::host::{Native, install};
use crate::{CallError, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What came of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Outputs and state have taken effect.
    Handled,
    /// The message was refused.
    Refused,
    /// The message is to be delivered again.
    Later,
    /// The handler returned another error, or panicked.
    Failed,
}

/// What came of one message, and what was seen on the way.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What came of it.
    pub kind: Kind,
    /// The code of a refusal or a try-later, else empty.
    pub code: String,
    /// The text of a refusal, a try-later or a failure, else empty.
    pub text: String,
    /// How long a try-later asks to wait.
    pub after: Option<Duration>,
    /// What was sent, in order; nothing unless handled.
    pub outputs: Vec<Output>,
    /// Log lines, in order.
    pub logs: Vec<Line>,
}

/// A message the actor sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its type.
    pub message_type: String,
    /// Its other attributes.
    pub attrs: BTreeMap<String, String>,
    /// Its data.
    pub data: Vec<u8>,
}

impl Output {
    /// The data, decoded from JSON. Panics when it is none of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.data).expect("data of an output decodes")
    }
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Its text.
    pub text: String,
    /// Its fields.
    pub fields: BTreeMap<String, String>,
}

/// A request to a capability that needs a grant, as a double sees it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The operation: `http.fetch`.
    pub op: String,
    /// The other attributes, `use` among them.
    pub attrs: BTreeMap<String, String>,
    /// The body.
    pub data: Vec<u8>,
}

/// What a double answers.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// Attributes of the answer.
    pub attrs: Vec<(String, String)>,
    /// Data of the answer.
    pub data: Vec<u8>,
}

/// A double: answers requests in the place of capabilities. Of an error, `op`
/// is not looked at.
type Double = dyn Fn(&Asked) -> Result<Reply, CallError>;

type Values = BTreeMap<String, (Vec<u8>, u64)>;

/// Runs one actor. Each host belongs to the thread that made it; statics of the
/// actor are shared by all hosts, as by the messages of an instance.
pub struct Host {
    actor: &'static Actor,
    world: Rc<World>,
    started: Cell<bool>,
}

#[derive(Default)]
struct World {
    config: RefCell<Vec<u8>>,
    double: RefCell<Option<Box<Double>>>,
    now: Cell<Duration>,
    key: RefCell<String>,
    states: RefCell<BTreeMap<String, Values>>,
    /// The state the message being handled sees; `None` between messages.
    open: RefCell<Option<Values>>,
    logs: RefCell<Vec<Line>>,
    streams: RefCell<stream::Streams>,
    sent: Cell<u64>,
    random: Cell<u64>,
}

impl Host {
    /// A host for `actor`, which is what `grow_actor()` returns.
    pub fn new(actor: &'static Actor) -> Self {
        let world = World::default();
        // The first second of 2025.
        world.now.set(Duration::from_secs(1_735_689_600));
        Host {
            actor,
            world: Rc::new(world),
            started: Cell::new(false),
        }
    }

    /// Gives the actor a config.
    #[must_use]
    pub fn config<T: Serialize + ?Sized>(self, config: &T) -> Self {
        *self.world.config.borrow_mut() = to_json(config);
        self
    }

    /// Answers requests that need a grant. Without a double they are denied. What
    /// is asked for as a stream is asked for once, when its body has ended.
    #[must_use]
    pub fn double(self, double: impl Fn(&Asked) -> Result<Reply, CallError> + 'static) -> Self {
        *self.world.double.borrow_mut() = Some(Box::new(double));
        self
    }

    /// Sets the time: that of messages and that of both clocks.
    #[must_use]
    pub fn at(self, now: SystemTime) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.world.now.set(now);
        self
    }

    /// Makes `key` the key of the messages sent from now on.
    #[must_use]
    pub fn key(self, key: &str) -> Self {
        self.set_key(key);
        self
    }

    /// As [`Host::key`], later on.
    pub fn set_key(&self, key: &str) {
        *self.world.key.borrow_mut() = key.to_owned();
    }

    /// Makes `value`, encoded as JSON, a value of the current key's state.
    pub fn set_state<T: Serialize + ?Sized>(&self, name: &str, value: &T) {
        let mut states = self.world.states.borrow_mut();
        let values = states.entry(self.world.key.borrow().clone()).or_default();
        put(values, name, to_json(value));
    }

    /// A value of the current key's state, as JSON.
    pub fn state(&self, name: &str) -> Option<serde_json::Value> {
        let states = self.world.states.borrow();
        let (data, _) = states.get(&*self.world.key.borrow())?.get(name)?;
        Some(serde_json::from_slice(data).expect("state is JSON"))
    }

    /// Has the actor handle a message with `value`, encoded as JSON, as data.
    pub fn send<T: Serialize + ?Sized>(&self, message_type: &str, value: &T) -> Outcome {
        self.send_with(message_type, &to_json(value), &[])
    }

    /// Has the actor handle a message with data as it is and further attributes.
    pub fn send_with(&self, message_type: &str, data: &[u8], attrs: &[(&str, &str)]) -> Outcome {
        let world = &self.world;
        install(Rc::clone(world) as Rc<dyn Native>);
        world.logs.borrow_mut().clear();
        world.streams.take();
        world.random.set(world.sent.get());
        if !self.started.replace(true) {
            let input = message(&world.config.borrow(), &[("type", "grow.init")]);
            if let Err(e) = guard(|| start(self.actor, &input)) {
                self.started.set(false);
                return self.outcome(Err(e));
            }
        }
        let state = world.states.borrow().get(&*world.key.borrow()).cloned();
        *world.open.borrow_mut() = Some(state.unwrap_or_default());
        let input = self.input(message_type, data, attrs);
        let answer = guard(|| handle(self.actor, &input, <[u8]>::to_vec));
        let outcome = self.outcome(answer);
        let after = world.open.take().unwrap_or_default();
        if outcome.kind == Kind::Handled {
            let key = world.key.borrow().clone();
            world.states.borrow_mut().insert(key, after);
        }
        outcome
    }

    fn input(&self, message_type: &str, data: &[u8], attrs: &[(&str, &str)]) -> Vec<u8> {
        let world = &self.world;
        world.sent.set(world.sent.get() + 1);
        let id = format!("test.{}", world.sent.get());
        let time = world::rfc3339(world.now.get());
        let key = world.key.borrow();
        let mut all = vec![("type", message_type)];
        all.extend(attrs);
        let host = [
            ("id", id.as_str()),
            ("source", "test"),
            ("time", time.as_str()),
            ("datacontenttype", crate::JSON),
            ("correlation", "test"),
            ("causation", "test"),
            ("attempt", "1"),
            ("subject", key.as_str()),
        ];
        for (name, value) in host {
            let without_key = name == "subject" && value.is_empty();
            if !without_key && !all.iter().any(|(n, _)| *n == name) {
                all.push((name, value));
            }
        }
        message(data, &all)
    }

    fn outcome(&self, answer: crate::Result<Vec<u8>>) -> Outcome {
        let mut outcome = Outcome {
            kind: Kind::Handled,
            code: String::new(),
            text: String::new(),
            after: None,
            outputs: Vec::new(),
            logs: self.world.logs.borrow().clone(),
        };
        match answer {
            Err(e) => {
                outcome.kind = Kind::Failed;
                outcome.text = e.to_string();
            }
            Ok(b) if b.is_empty() => {}
            Ok(b) => outcome.read(&b),
        }
        outcome
    }
}

impl Outcome {
    fn read(&mut self, answer: &[u8]) {
        for m in Reader::new(answer).expect("the answer is a frame") {
            let m = m.expect("the answer is a frame");
            let mut attrs = owned(m);
            let message_type = attrs.remove("type").expect("an output has a type");
            let data = m.data.to_vec();
            if message_type != "grow.error" {
                self.outputs.push(Output {
                    message_type,
                    attrs,
                    data,
                });
                continue;
            }
            self.kind = match attrs["retry"].as_str() {
                "yes" => Kind::Later,
                _ => Kind::Refused,
            };
            self.code = attrs["code"].clone();
            self.text = String::from_utf8_lossy(&data).into_owned();
            let after = attrs
                .get("after")
                .map(|ms| ms.parse().expect("after is a number"));
            self.after = after.map(Duration::from_millis);
            self.outputs.clear();
            return;
        }
    }
}

/// Turns a panic into an error.
fn guard<T>(f: impl FnOnce() -> crate::Result<T>) -> crate::Result<T> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(Error::failed(said(&*panic))))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panic: {}", text.unwrap_or("not a text"))
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("a value of a test can be encoded")
}

fn message(data: &[u8], attrs: &[(&str, &str)]) -> Vec<u8> {
    let mut b = Vec::new();
    frame::put_count(&mut b, 1);
    append(&mut b, data, attrs);
    b
}

fn append(b: &mut Vec<u8>, data: &[u8], attrs: &[(&str, &str)]) {
    let mut w = Writer::new(b);
    for (name, value) in attrs {
        w.attr(name, value)
            .expect("an attribute of a test is within the limits");
    }
    w.data(data);
}

fn owned(m: View<'_>) -> BTreeMap<String, String> {
    m.attrs()
        .map(|(n, v)| (n.to_owned(), v.to_owned()))
        .collect()
}

fn put(values: &mut Values, name: &str, data: Vec<u8>) {
    let revision = values.get(name).map_or(0, |(_, revision)| *revision);
    values.insert(name.to_owned(), (data, revision + 1));
}
