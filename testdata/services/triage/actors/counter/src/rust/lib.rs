//! Actor counter keeps the counts of each repository as its state.

use std::collections::BTreeMap;

use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Event {
    delivery: String,
    event: String,
    action: String,
    repository: String,
    title: String,
    labels: Vec<String>,
    tag: bool,
}

#[derive(Serialize)]
struct Counted {
    #[serde(flatten)]
    event: Event,
    count: u64,
}

#[derive(Deserialize)]
struct Get {
    owner: String,
    repo: String,
}

#[derive(Default, Deserialize, Serialize)]
struct Counts {
    total: u64,
    by_event: BTreeMap<String, u64>,
    by_label: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Found {
    repository: String,
    #[serde(flatten)]
    counts: Counts,
}

#[derive(Serialize)]
struct Unknown {
    repository: String,
}

fn count(ctx: &mut Context, event: Event) -> Result {
    let mut counts: Counts = ctx.state().get("")?.unwrap_or_default();
    counts.total += 1;
    *counts.by_event.entry(event.event.clone()).or_default() += 1;
    for label in &event.labels {
        *counts.by_label.entry(label.clone()).or_default() += 1;
    }
    ctx.state().set("", &counts)?;
    let count = counts.total;
    ctx.send("event.counted", &Counted { event, count })
}

fn stats(ctx: &mut Context, get: Get) -> Result {
    let repository = format!("{}/{}", get.owner, get.repo);
    match ctx.state().get("")? {
        Some(counts) => ctx.send("stats.found", &Found { repository, counts }),
        None => ctx.send("stats.unknown", &Unknown { repository }),
    }
}

grow::actor! {
    "event.read" => count,
    "stats.get" => stats,
}
