//! One actor that uses all of the SDK, run on the host for tests.

use grow::testing::{Host, Kind, Reply};
use grow::{CallError, Context, Error, Message, Request, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};

#[derive(Deserialize)]
struct Config {
    currency: String,
}

#[derive(Deserialize, Serialize, Debug, PartialEq)]
struct Order {
    id: String,
    total: f64,
}

fn start(ctx: &mut Context, config: Config) -> Result {
    if config.currency == "none" {
        return Err(Error::failed("no currency"));
    }
    ctx.log().field("currency", config.currency).info("started");
    if ctx.send("order.priced", &1).is_ok() {
        return Err(Error::failed("sent without a message"));
    }
    Ok(())
}

fn placed(ctx: &mut Context, order: Order) -> Result {
    if order.total <= 0.0 {
        ctx.send("order.priced", &order)?;
        ctx.state().set("", &0)?;
        return Err(Error::refuse("order.empty", "an order needs a total"));
    }
    let config: Config = ctx.config()?;
    let seen: u64 = ctx.state().get("")?.unwrap_or(0);
    ctx.state().set("", &(seen + 1))?;
    ctx.output("order.priced")
        .status(201)
        .header("Location", "/orders/1")
        .delay(Duration::from_micros(1500))
        .attr("currency", &config.currency)
        .json(&order)
}

fn hook(ctx: &mut Context, message: &Message) -> Result {
    ctx.output("hook.seen")
        .attr("event", message.header("X-Event").unwrap_or("none"))
        .bytes("text/plain", message.data())
}

fn both(ctx: &mut Context, message: &Message, order: Order) -> Result {
    ctx.send(
        "both",
        &json!({"id": message.id(), "order": order.id, "attempt": message.attempt()}),
    )
}

fn all(ctx: &mut Context, message: &Message) -> Result {
    match message.message_type() {
        "all.later" => Err(Error::later("closed").after(Duration::from_millis(1500))),
        "all.soon" => Err(Error::later("closed")),
        "all.error" => {
            "x".parse::<u32>()?;
            Ok(())
        }
        "all.panic" => panic!("at {}", message.id()),
        "all.drop" => {
            drop(ctx.output("never").status(200));
            ctx.send("order.priced", &1)
        }
        "all.twice" => ctx.output("x").attr("a", "1").attr("a", "2").json(&1),
        "all.many" => (0..1001).try_for_each(|n| ctx.send("x", &n)),
        "all.large" => {
            ctx.state().set("large", &"v".repeat(100_000))?;
            let v: Option<String> = ctx.state().get("large")?;
            ctx.send("x", &v.map(|v| v.len()))
        }
        "all.http" => ctx.output("x").header("X-Upper", "1").json(&json!([
            message.header("X-A"),
            message.param("id"),
            message.query("q"),
            message.query("x"),
            message.method(),
            message.path()
        ])),
        "all.names" => names(ctx),
        "all.calls" => calls(ctx),
        "all.fetch" => {
            ctx.do_one(Request::new("http.fetch").grant("down"))?;
            Ok(())
        }
        "all.secret" => {
            let secret = ctx.secret("token", "TAX")?;
            ctx.send("x", &secret)
        }
        "all.time" => {
            let mut random = [0; 16];
            ctx.random(&mut random);
            let now = ctx.now().duration_since(UNIX_EPOCH)?.as_secs();
            let real = ctx.real_time()?.duration_since(UNIX_EPOCH)?.as_secs();
            let time = ctx.message().time();
            ctx.send("x", &json!([now, real, random != [0; 16], time]))
        }
        other => Err(Error::refuse("unknown", other)),
    }
}

fn names(ctx: &mut Context) -> Result {
    let state = ctx.state();
    for i in 0..250 {
        state.set(&format!("n.{i:03}"), &i)?;
    }
    state.set("other", &1)?;
    state.delete("n.000")?;
    state.write("raw", b" [1, 2] ")?;
    let raw = state
        .read("raw")?
        .map(|v| (String::from_utf8_lossy(&v.data).into_owned(), v.revision));
    let gone = state.get::<u32>("n.000")?;
    let listed = state.list("n.")?;
    let page = state.page("n.", Some("n.010"), 2)?;
    let sorted = listed.is_sorted();
    ctx.send(
        "x",
        &json!({"listed": listed.len(), "sorted": sorted, "page": page, "gone": gone, "raw": raw}),
    )
}

fn calls(ctx: &mut Context) -> Result {
    let answers = ctx.call(&[
        Request::new("http.fetch")
            .grant("tax")
            .attr("path", "/rate")
            .data("body"),
        Request::new("http.fetch").grant("down").json(&json!({}))?,
        Request::new("time.now"),
    ])?;
    let text: Vec<String> = answers
        .iter()
        .map(|a| match a {
            Ok(a) => format!(
                "{} {:?}",
                String::from_utf8_lossy(a.data()),
                a.attr("status")
            ),
            Err(e) => e.to_string(),
        })
        .collect();
    assert!(ctx.call(&[]).is_err());
    assert!(ctx.call(&vec![Request::new("time.now"); 33]).is_err());
    assert!(
        ctx.call(&[Request::new("time.now").attr("type", "x")])
            .is_err()
    );
    ctx.send("x", &text)
}

grow::actor! {
    init => start,
    "order.placed" => placed,
    "order.both" => both,
    "hook.*" => hook,
    "*" => all,
}

fn host() -> Host {
    Host::new(grow_actor())
        .config(&json!({"currency": "EUR"}))
        .key("c-9")
        .double(
            |asked| match (asked.op.as_str(), asked.attrs["use"].as_str()) {
                ("http.fetch", "tax") => Ok(Reply {
                    attrs: vec![("status".into(), "200".into())],
                    data: [asked.attrs["path"].as_bytes(), &asked.data].concat(),
                }),
                ("secret.get", "token") => Ok(Reply {
                    data: asked.attrs["name"].clone().into_bytes(),
                    ..Reply::default()
                }),
                _ => Err(CallError {
                    op: String::new(),
                    code: "unavailable".into(),
                    text: "no line".into(),
                    retry: true,
                }),
            },
        )
}

#[test]
fn a_typed_handler_sends_and_counts() {
    let host = host();
    for n in 1..=2 {
        let got = host.send(
            "order.placed",
            &json!({"id": "o-1", "total": 7.5, "more": 1}),
        );
        assert_eq!(got.kind, Kind::Handled, "{got:?}");
        let [out] = &got.outputs[..] else {
            panic!("{got:?}")
        };
        assert_eq!(out.message_type, "order.priced");
        let attrs: Vec<_> = out
            .attrs
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        assert_eq!(
            attrs,
            [
                ("delay", "2"),
                ("http.header.location", "/orders/1"),
                ("http.status", "201"),
                ("x.currency", "EUR")
            ]
        );
        assert_eq!(
            out.json::<Order>(),
            Order {
                id: "o-1".into(),
                total: 7.5
            }
        );
        assert_eq!(host.state(""), Some(json!(n)));
    }
    host.set_key("c-10");
    assert_eq!(host.state(""), None);
}

#[test]
fn a_refusal_drops_outputs_and_state() {
    let host = host();
    host.set_state("", &41);
    let got = host.send("order.placed", &json!({"id": "o-2", "total": 0}));
    assert_eq!(
        (got.kind, got.code.as_str(), got.text.as_str()),
        (Kind::Refused, "order.empty", "an order needs a total")
    );
    assert!(got.outputs.is_empty());
    assert_eq!(host.state(""), Some(json!(41)));
}

#[test]
fn names_of_http_and_of_the_actor() {
    let host = host();
    let attrs = [
        ("http.header.x-a", "h"),
        ("http.param.id", "p"),
        ("http.query.q", ""),
        ("http.method", "GET"),
        ("http.path", "/a"),
        ("x.q", "own"),
    ];
    let got = host.send_with("all.http", b"{}", &attrs);
    let want = json!(["h", "p", "", null, "GET", "/a"]);
    assert_eq!(
        got.outputs[0].json::<serde_json::Value>(),
        want,
        "{:?}",
        got.outputs
    );
    assert_eq!(got.outputs[0].attrs["http.header.x-upper"], "1");
}

#[test]
fn raw_and_both() {
    let host = host();
    let got = host.send_with("hook.shop", b"\xff\x00", &[("http.header.x-event", "push")]);
    assert_eq!(got.outputs[0].data, b"\xff\x00");
    assert_eq!(got.outputs[0].attrs["datacontenttype"], "text/plain");
    assert_eq!(got.outputs[0].attrs["x.event"], "push");
    let got = host.send_with(
        "order.both",
        br#"{"id":"o","total":1}"#,
        &[("attempt", "3")],
    );
    assert_eq!(
        got.outputs[0].json::<serde_json::Value>(),
        json!({"id": "test.2", "order": "o", "attempt": 3})
    );
}

#[test]
fn outcomes() {
    let host = host();
    let table = [
        ("all.later", Kind::Later, "later", "closed"),
        ("all.soon", Kind::Later, "later", "closed"),
        (
            "all.error",
            Kind::Failed,
            "",
            "invalid digit found in string",
        ),
        ("all.panic", Kind::Failed, "", "panic: at test."),
        (
            "all.fetch",
            Kind::Later,
            "unavailable",
            "http.fetch: unavailable: no line",
        ),
        (
            "all.twice",
            Kind::Failed,
            "",
            "send x: attribute \"a\": attribute name occurs twice",
        ),
        ("all.many", Kind::Failed, "", "send x: 1000 messages"),
        ("all.other", Kind::Refused, "unknown", "all.other"),
        (
            "order.placed",
            Kind::Refused,
            "data.decode",
            "decode order.placed as actor::Order: ",
        ),
    ];
    for (message_type, kind, code, text) in table {
        let got = host.send(message_type, &json!("x"));
        assert_eq!(
            (got.kind, got.code.as_str()),
            (kind, code),
            "{message_type}: {got:?}"
        );
        assert!(got.text.starts_with(text), "{message_type}: {got:?}");
        let after = (message_type == "all.later").then_some(Duration::from_millis(1500));
        assert_eq!(got.after, after);
    }
}

#[test]
fn an_output_that_is_not_finished_leaves_no_trace() {
    let got = host().send("all.drop", &0);
    assert_eq!(got.outputs.len(), 1, "{got:?}");
    assert_eq!(got.outputs[0].data, b"1");
}

#[test]
fn state_of_many_names_and_large_values() {
    let host = host();
    let got = host.send("all.names", &0);
    let want = json!({"listed": 249, "sorted": true, "page": ["n.011", "n.012"], "gone": null, "raw": [" [1, 2] ", 1]});
    assert_eq!(got.outputs[0].json::<serde_json::Value>(), want, "{got:?}");
    let got = host.send("all.large", &0);
    assert_eq!(got.outputs[0].data, b"100000");
}

#[test]
fn several_requests_in_one_call() {
    let got = host().send("all.calls", &0);
    let want = json!([
        "/ratebody Some(\"200\")",
        "http.fetch: unavailable: no line",
        " None"
    ]);
    assert_eq!(got.outputs[0].json::<serde_json::Value>(), want);
    let got = host().send("all.secret", &0);
    assert_eq!(got.outputs[0].data, b"\"TAX\"");
}

#[test]
fn time_and_chance() {
    for (since, time) in [
        (Duration::ZERO, "1970-01-01T00:00:00Z"),
        (
            Duration::new(1_709_251_199, 500_000_000),
            "2024-02-29T23:59:59.500000000Z",
        ),
        (Duration::from_secs(1_709_251_200), "2024-03-01T00:00:00Z"),
        (Duration::from_secs(1_800_000_000), "2027-01-15T08:00:00Z"),
        (Duration::from_secs(4_102_444_799), "2099-12-31T23:59:59Z"),
    ] {
        let got = host().at(UNIX_EPOCH + since).send("all.time", &0);
        let want = json!([since.as_secs(), since.as_secs(), true, time]);
        assert_eq!(got.outputs[0].json::<serde_json::Value>(), want);
    }
}

#[test]
fn init_logs_and_may_fail() {
    let got = host().send("hook.a", &0);
    assert_eq!(
        (got.logs[0].level.as_str(), got.logs[0].text.as_str()),
        ("info", "started")
    );
    assert_eq!(got.logs[0].fields["currency"], "EUR");
    let got = Host::new(grow_actor())
        .config(&json!({"currency": "none"}))
        .send("hook.a", &0);
    assert_eq!(
        (got.kind, got.text.as_str()),
        (Kind::Failed, "init: no currency")
    );
}
