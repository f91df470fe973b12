use grow::testing::{Host, Kind, Reply};
use grow::{CallError, Context, HttpRequest, Message, Result};
use std::io::{Read, Write};

fn send(ctx: &mut Context, _: &Message) -> Result {
    let large = vec![b'x'; 1_000_000];
    let request = HttpRequest::new("POST", "/echo").header("X-A", "b");
    let mut stream = ctx.http_stream("api", request.body("begin ").written())?;
    stream.write_all(&large)?;
    stream.close_write()?;
    assert_eq!(stream.status()?, 201);
    assert_eq!(stream.header("etag"), Some("e"));
    let mut got = Vec::new();
    stream.read_to_end(&mut got)?;
    assert_eq!(got.len(), large.len() + 6);
    assert!(got.starts_with(b"begin xx"));
    stream.close()
}

fn fail(ctx: &mut Context, _: &Message) -> Result {
    ctx.http_stream("api", HttpRequest::new("GET", "/down"))?;
    Ok(())
}

fn cut(ctx: &mut Context, _: &Message) -> Result {
    let mut stream = ctx.http_stream("api", HttpRequest::new("POST", "/down").written())?;
    stream.close_write()?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn events(ctx: &mut Context, message: &Message) -> Result {
    let request = HttpRequest::new("POST", "/events").body(message.data());
    let mut got = Vec::new();
    for event in ctx.http_stream("api", request)?.events() {
        let event = event?;
        got.push(format!("{}:{}:{}", event.event, event.data, event.id));
    }
    ctx.send("events", &got)
}

grow::actor! { "send" => send, "fail" => fail, "cut" => cut, "events" => events }

fn host() -> Host {
    Host::new(grow_actor()).double(|r| {
        assert_eq!(
            (r.op.as_str(), r.attrs["use"].as_str()),
            ("http.fetch", "api")
        );
        if r.attrs["path"] == "/down" {
            return Err(CallError {
                op: String::new(),
                code: "unavailable".into(),
                text: "no line".into(),
                retry: true,
            });
        }
        if r.attrs["path"] == "/echo" {
            assert_eq!(r.attrs["header.x-a"], "b");
        }
        let answer = [("status", "201"), ("header.etag", "e")];
        Ok(Reply {
            attrs: answer.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            data: r.data.clone(),
        })
    })
}

#[test]
fn bodies_go_and_come_in_pieces() {
    let got = host().send("send", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    for what in ["fail", "cut"] {
        let got = host().send(what, &0);
        assert_eq!((got.kind, got.code.as_str()), (Kind::Later, "unavailable"));
    }
}

#[test]
fn events_are_told_apart() {
    let cases: [(&str, &[&str]); 6] = [
        ("data: a\n\ndata: b\n\n", &["message:a:", "message:b:"]),
        ("data: a\r\n\r\ndata: b\r\r", &["message:a:", "message:b:"]),
        (
            "\u{feff}data:a\n:comment\ndata:  b\n\n",
            &["message:a\n b:"],
        ),
        (
            "event: add\nid: 7\ndata: x\n\ndata\n\n",
            &["add:x:7", "message::7"],
        ),
        (
            "event: none\n\nretry: 10\ndata: y\n\ndata: no",
            &["message:y:"],
        ),
        ("", &[]),
    ];
    for (text, want) in cases {
        let got = host().send_with("events", text.as_bytes(), &[]);
        assert_eq!(got.kind, Kind::Handled, "{}", got.text);
        assert_eq!(got.outputs[0].json::<Vec<String>>(), want, "{text:?}");
    }
}
