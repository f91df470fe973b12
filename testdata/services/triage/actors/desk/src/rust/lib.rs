//! Actor desk decides what its config says. What it is asked to decide was
//! settled by the rules of the workflow.

use grow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The config of a node: each desk has its own.
#[derive(Deserialize, Serialize)]
struct Desk {
    decision: String,
    desk: String,
    hours: u32,
}

#[derive(Deserialize, Serialize)]
struct Event {
    delivery: String,
    event: String,
    action: String,
    repository: String,
    labels: Vec<String>,
    count: u64,
    #[serde(skip_serializing)] // for the log alone
    title: String,
}

#[derive(Serialize)]
struct Decided {
    #[serde(flatten)]
    event: Event,
    #[serde(flatten)]
    desk: Desk,
}

fn decide(ctx: &mut Context, event: Event) -> Result {
    let desk: Desk = ctx.config()?;
    if desk.decision == "security" {
        ctx.log()
            .field("repository", &event.repository)
            .field("title", &event.title)
            .warn("security event");
    }
    ctx.send("event.decided", &Decided { event, desk })
}

grow::actor! { "event.counted" => decide }
