use grow::testing::{Host, Kind, Reply};
use grow::{Chat, ChatMessage, Context, Message, Result, TokenUsage, Tool};
use std::sync::{Arc, Mutex};

const ANSWERS: [&str; 3] = [
    r#"{"model":"m","text":"","calls":[{"id":"c1","name":"weather","arguments":{"city":"Bonn"}}],"stop":"tools","usage":{"input":1,"output":1}}"#,
    r#"{"model":"m","text":"yes","stop":"end","usage":{"input":3,"output":2}}"#,
    r#"{"model":"m","vectors":[[0.5,1]],"usage":{"input":1,"output":0}}"#,
];

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let model = ctx.llm("helper");
    let mut chat = Chat {
        messages: vec![ChatMessage::user("hi")],
        tools: vec![Tool {
            name: "weather".into(),
            parameters: serde_json::json!({}),
            ..Tool::default()
        }],
        ..Chat::default()
    };
    let reply = model.chat(&chat)?;
    chat.messages.push(reply.message());
    chat.messages
        .extend(reply.calls.iter().map(|c| c.answer("rain")));
    let reply = model.chat(&chat)?;
    assert_eq!((reply.text.as_str(), reply.stop.as_str()), ("yes", "end"));
    let used = TokenUsage {
        input: 3,
        output: 2,
    };
    assert_eq!(reply.usage, used);
    assert_eq!(model.embed("", &["a"])?, [[0.5, 1.0]]);
    Ok(())
}

fn stream(ctx: &mut Context, _: &Message) -> Result {
    let chat = Chat {
        messages: vec![ChatMessage::user("hi")],
        timeout: Some(std::time::Duration::from_secs(2)),
        ..Chat::default()
    };
    let mut answer = ctx.llm("helper").stream(&chat)?;
    let pieces = answer.by_ref().collect::<Result<Vec<_>>>()?;
    let reply = answer.reply()?;
    assert_eq!((reply.text.as_str(), reply.stop.as_str()), ("hello", "end"));
    drop(answer);
    ctx.send("pieces", &pieces)
}

grow::actor! { "stream" => stream, "*" => ask }

#[test]
fn a_chat_goes_on_after_a_call() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let mut seen = seen.lock().unwrap();
        let answer = ANSWERS[seen.len()];
        seen.push(format!("{} {}", r.op, String::from_utf8_lossy(&r.data)));
        Ok(Reply {
            data: answer.into(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let tools = r#""tools":[{"name":"weather","parameters":{}}]"#;
    let user = r#"{"role":"user","text":"hi"}"#;
    let call = r#"{"role":"assistant","text":"","calls":[{"id":"c1","name":"weather","arguments":{"city":"Bonn"}}]}"#;
    let tool = r#"{"role":"tool","text":"rain","id":"c1"}"#;
    let want = [
        format!(r#"llm.chat {{"messages":[{user}],{tools}}}"#),
        format!(r#"llm.chat {{"messages":[{user},{call},{tool}],{tools}}}"#),
        r#"llm.embed {"texts":["a"]}"#.to_owned(),
    ];
    assert_eq!(*asked.lock().unwrap(), want);
}

#[test]
fn a_chat_is_read_in_pieces() {
    let reply = r#"{"model":"m","text":"hello","stop":"end","usage":{"input":3,"output":2}}"#;
    let pieces = format!("{{\"text\":\"hel\"}}\n{{\"text\":\"lo\"}}\n{reply}\n");
    for (answer, want) in [
        (pieces.as_str(), Some(r#"["hel","lo"]"#)),
        (reply, Some(r#"["hello"]"#)),
        (r#"{"text":"hel"}"#, None),
        ("", None),
    ] {
        let data = answer.to_owned();
        let host = Host::new(grow_actor()).double(move |r| {
            let said = r#"{"messages":[{"role":"user","text":"hi"}]}"#;
            assert_eq!(
                (r.op.as_str(), r.attrs["timeout"].as_str()),
                ("llm.chat", "2000")
            );
            assert_eq!(String::from_utf8_lossy(&r.data), said);
            Ok(Reply {
                data: data.clone().into(),
                ..Reply::default()
            })
        });
        let got = host.send("stream", &0);
        let sent = got.outputs.first().map(|o| o.data.clone());
        assert_eq!(sent.as_deref(), want.map(str::as_bytes), "{answer}");
        assert_eq!(got.kind == Kind::Handled, want.is_some(), "{answer}");
    }
}
