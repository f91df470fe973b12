//! Actor desk decides what its config says. What it is asked to decide was
//! settled by the rules of the workflow.

use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Config {
    decision: String,
    desk: String,
    hours: u32,
}

#[derive(Deserialize)]
struct Counted {
    delivery: String,
    event: String,
    action: String,
    repository: String,
    title: String,
    count: u64,
}

#[derive(Serialize)]
struct Decided {
    delivery: String,
    event: String,
    action: String,
    repository: String,
    count: u64,
    decision: String,
    desk: String,
    hours: u32,
}

fn decide(ctx: &mut Context, e: Counted) -> Result {
    let Config { decision, desk, hours } = ctx.config()?;
    if decision == "security" {
        ctx.log().field("repository", &e.repository).field("title", &e.title).warn("security event");
    }
    let Counted { delivery, event, action, repository, count, .. } = e;
    ctx.send("event.decided", &Decided { delivery, event, action, repository, count, decision, desk, hours })
}

grow::actor! { "event.counted" => decide }
