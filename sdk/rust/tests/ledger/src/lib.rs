use grow::serde_json::Value;
use grow::{Context, Error, Message, Result};
use serde::{Deserialize, Serialize};

#[derive(Default, Deserialize, Serialize)]
struct Ledger {
    entries: Vec<Value>,
}

#[derive(Serialize)]
struct Posted {
    config: Value,
    entry: Value,
}

fn post(ctx: &mut Context, message: &Message, entry: Value) -> Result {
    let mut ledger: Ledger = ctx.state().get("")?.unwrap_or_default();
    ledger.entries.push(entry.clone());
    ctx.state().set("", &ledger)?;
    ctx.log().field("account", message.key()).info("posted");
    let config = ctx.config()?;
    ctx.send("ledger.posted", &Posted { config, entry })
}

fn show(ctx: &mut Context, _: &Message) -> Result {
    let ledger: Ledger = ctx.state().get("")?.unwrap_or_default();
    ctx.send("ledger.shown", &ledger)
}

fn close(_: &mut Context, _: &Message) -> Result {
    Err(Error::refuse("ledger.closed", "a ledger is never closed"))
}

fn unknown(_: &mut Context, _: &Message) -> Result {
    Err(Error::refuse(
        "ledger.unknown",
        "no such request to a ledger",
    ))
}

grow::actor! {
    "ledger.post" => post,
    "ledger.show" => show,
    "ledger.close" => close,
    "*" => unknown,
}
