//! Actor order does three things outside for each order, of which each depends on what
//! it was told before: it counts in a bucket, by compare-and-set; posts the number that
//! this gave; and writes the receipt for it into a database.

use std::time::UNIX_EPOCH;

use grow::{Answer, Context, Error, Request, Result, Statement};
use serde::{Deserialize, Serialize};

/// How often an order tries to count when others were quicker.
const TRIES_MAX: usize = 100;

#[derive(Deserialize)]
struct Order {
    id: String,
    account: String,
    trips: u64,
}

#[derive(Default, Deserialize, Serialize)]
struct Counter {
    n: u64,
    last: String,
}

/// What is posted. Two posts of one attempt are the same; another attempt has
/// another clock.
#[derive(Serialize)]
struct Post<'a> {
    id: &'a str,
    account: &'a str,
    n: u64,
    attempt: &'a str,
    clock: u128,
    real: u128,
}

#[derive(Deserialize)]
struct Posted {
    receipt: String,
}

#[derive(Deserialize, Serialize)]
struct Placed {
    id: String,
    n: u64,
    receipt: String,
}

#[derive(Deserialize)]
struct Get {
    account: String,
}

#[derive(Serialize)]
struct Found {
    n: u64,
    last: String,
    rows: Vec<Placed>,
}

const TABLE: &str = "create table if not exists orders \
    (id text not null, account text not null, n bigint not null, receipt text not null)";
const INSERT: &str = "insert into orders (id, account, n, receipt) values ($1, $2, $3, $4)";
const SELECT: &str = "select id, n, receipt from orders where account = $1 order by n, id";

fn json<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn place(ctx: &mut Context, order: Order) -> Result {
    let n = count(ctx, &order)?;
    let receipt = post(ctx, &order, n)?;
    assert!(attempt(ctx)?.parse::<u64>()? > order.trips, "this order trips");
    let row = (&order.id, &order.account, n, &receipt);
    let statements = [Statement::new(TABLE, &())?, Statement::new(INSERT, &row)?];
    ctx.sql("ledger").together(&statements)?;
    let placed: u64 = ctx.state().get("")?.unwrap_or_default();
    ctx.state().set("", &(placed + 1))?;
    ctx.send("order.placed", &Placed { id: order.id, n, receipt })
}

/// Counts the order by compare-and-set, and returns its number.
fn count(ctx: &Context, order: &Order) -> Result<u64> {
    for _ in 0..TRIES_MAX {
        let entry = ctx.kv("counters").read(&order.account)?;
        let (counter, revision) = match &entry {
            Some(e) => (e.json()?, e.revision),
            None => (Counter::default(), 0),
        };
        let next = Counter { n: counter.n + 1, last: order.id.clone() };
        let set = Request::new("kv.set")
            .grant("counters")
            .attr("key", &*order.account)
            .attr("if_revision", revision.to_string())
            .data(json(&next)?);
        match ctx.call(&[set])?.pop() {
            Some(Ok(_)) => return Ok(next.n),
            Some(Err(e)) if e.code == "conflict" => {}
            Some(Err(e)) => return Err(e.into()),
            None => return Err(Error::failed("no answer to kv.set")),
        }
    }
    Err(Error::later("others count all the time"))
}

fn attempt<'a>(ctx: &Context<'a>) -> Result<&'a str> {
    Ok(ctx.message().attr("attempt").unwrap_or("1"))
}

/// Posts the order and returns the receipt.
fn post(ctx: &Context, order: &Order, n: u64) -> Result<String> {
    let post = Post {
        id: &order.id,
        account: &order.account,
        n,
        attempt: attempt(ctx)?,
        clock: ctx.now().duration_since(UNIX_EPOCH)?.as_nanos(),
        real: ctx.real_time()?.duration_since(UNIX_EPOCH)?.as_nanos(),
    };
    let request = Request::new("http.fetch")
        .grant("bank")
        .attr("method", "POST")
        .attr("path", "/posts")
        .data(json(&post)?);
    let answer: Answer = ctx.do_one(request)?;
    match answer.attr("status") {
        Some("200") => Ok(answer.json::<Posted>()?.receipt),
        status => Err(Error::later(format!("the bank answered {status:?}"))),
    }
}

fn get(ctx: &mut Context, get: Get) -> Result {
    let counter: Counter = ctx.kv("counters").get(&get.account)?.unwrap_or_default();
    let statements = [Statement::new(TABLE, &())?, Statement::new(SELECT, &(&get.account,))?];
    let results = ctx.sql("ledger").together(&statements)?;
    let rows = results.into_iter().last().unwrap_or_default().decode()?;
    ctx.send("account.found", &Found { n: counter.n, last: counter.last, rows })
}

grow::actor! {
    "order.place" => place,
    "account.get" => get,
}
