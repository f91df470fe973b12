//! Actor book keeps, for each key, what was entered and in which order.

use std::time::Duration;

use grow::{Context, Result};
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize)]
struct Entry {
    key: String,
    id: String,
    delay: u64,
    poison: bool,
    fill: String,
}

#[derive(Clone, Deserialize, Serialize)]
struct Line {
    id: String,
    nonce: String,
}

#[derive(Deserialize, Serialize)]
struct Applied {
    key: String,
    #[serde(flatten)]
    line: Line,
}

#[derive(Serialize)]
struct Done {
    key: String,
    n: usize,
    #[serde(flatten)]
    line: Line,
}

#[derive(Deserialize)]
struct Get {
    key: String,
}

#[derive(Default, Deserialize, Serialize)]
struct Book {
    lines: Vec<Line>,
    sum: String,
    doubles: u64,
}

#[derive(Serialize)]
struct Found {
    key: String,
    #[serde(flatten)]
    book: Book,
}

/// FNV-1a over the sum so far and an id.
fn sum(before: &str, id: &str) -> String {
    let mut h: u64 = 0xcbf2_9ce4_8422_2325;
    for b in before.bytes().chain([b' ']).chain(id.bytes()) {
        h = (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3);
    }
    format!("{h:016x}")
}

/// Enters a line and returns which it is.
fn enter(ctx: &mut Context, line: Line) -> Result<usize> {
    let mut book: Book = ctx.state().get("")?.unwrap_or_default();
    if book.lines.iter().any(|l| l.id == line.id) {
        book.doubles += 1;
    }
    book.sum = sum(&book.sum, &line.id);
    book.lines.push(line);
    ctx.state().set("", &book)?;
    Ok(book.lines.len())
}

fn put(ctx: &mut Context, entry: Entry) -> Result {
    assert!(!entry.poison, "this entry is poison");
    if entry.delay > 0 {
        let wait = Duration::from_millis(entry.delay);
        return ctx.output("entry.later").delay(wait).json(&entry);
    }
    later(ctx, entry)
}

fn later(ctx: &mut Context, entry: Entry) -> Result {
    let mut nonce = [0; 8];
    ctx.random(&mut nonce);
    let line = Line {
        id: entry.id,
        nonce: format!("{:016x}", u64::from_le_bytes(nonce)),
    };
    let n = enter(ctx, line.clone())?;
    let key = entry.key;
    ctx.send("entry.applied", &Applied { key: key.clone(), line: line.clone() })?;
    ctx.send("entry.done", &Done { key, n, line })
}

fn applied(ctx: &mut Context, entry: Applied) -> Result {
    enter(ctx, entry.line)?;
    Ok(())
}

fn get(ctx: &mut Context, get: Get) -> Result {
    let book: Book = ctx.state().get("")?.unwrap_or_default();
    ctx.send("book.found", &Found { key: get.key, book })
}

grow::actor! {
    "entry.put" => put,
    "entry.later" => later,
    "entry.applied" => applied,
    "book.get" => get,
}
