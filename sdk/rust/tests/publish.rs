use grow::testing::{Host, Kind, Reply};
use grow::{Context, Message, Published, Result};
use std::sync::{Arc, Mutex};

fn publish(ctx: &mut Context, _: &Message) -> Result {
    let got = ctx.publish("erp", "erp.new", "x", &[("X-A", "b")])?;
    let want = Published {
        stream: "ERP".into(),
        sequence: 7,
        duplicate: true,
    };
    assert_eq!(got, want);
    Ok(())
}

grow::actor! { "*" => publish }

#[test]
fn a_message_is_published() {
    let asked = Arc::new(Mutex::new(String::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let mut attrs: Vec<_> = r.attrs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        attrs.sort();
        let data = String::from_utf8_lossy(&r.data);
        *seen.lock().unwrap() = format!("{} {} {data}", r.op, attrs.join(" "));
        let answer = [("stream", "ERP"), ("sequence", "7"), ("duplicate", "true")];
        Ok(Reply {
            attrs: answer.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let want = "publish header.x-a=b subject=erp.new use=erp x";
    assert_eq!(*asked.lock().unwrap(), want);
}
