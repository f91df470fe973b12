use grow::testing::{Host, Kind, Reply};
use grow::{Context, Message, Result};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let got = ctx.http_call("tax", "getRate", &json!({"country": "DE"}), None::<&()>)?;
    assert_eq!((got.status, got.header("etag")), (200, Some("e")));
    assert_eq!(got.json::<Value>()?, json!({"rate": 0.19}));
    ctx.http_call("tax", "addRate", &json!({}), Some(&json!({"rate": 1})))?;
    Ok(())
}

grow::actor! { "*" => ask }

#[test]
fn operations_are_asked_for_by_name() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let mut attrs: Vec<_> = r.attrs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        attrs.sort();
        let data = String::from_utf8_lossy(&r.data);
        let line = format!("{} {} {data}", r.op, attrs.join(" "));
        seen.lock().unwrap().push(line);
        let answer = [("status", "200"), ("header.etag", "e")];
        Ok(Reply {
            attrs: answer.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            data: br#"{"rate": 0.19}"#.to_vec(),
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let want = [
        r#"http.call operation=getRate use=tax {"params":{"country":"DE"}}"#,
        r#"http.call operation=addRate use=tax {"params":{},"body":{"rate":1}}"#,
    ];
    assert_eq!(*asked.lock().unwrap(), want);
}
