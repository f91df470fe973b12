use grow::testing::{Host, Kind, Reply};
use grow::{Attachment, Context, Mail, Mailed, Message, Result};
use std::sync::{Arc, Mutex};

fn send(ctx: &mut Context, _: &Message) -> Result {
    let file = |data: &str| Attachment {
        name: "a".into(),
        data: data.into(),
        ..Attachment::default()
    };
    let mail = Mail {
        to: vec!["a@example.com".into()],
        subject: "s".into(),
        attachments: ["", "f", "fo", "foo", "foob"].map(file).into(),
        ..Mail::default()
    };
    let want = Mailed {
        message_id: "<1@example.com>".into(),
        duplicate: true,
    };
    assert_eq!(ctx.send_mail("digest", &mail)?, want);
    Ok(())
}

grow::actor! { "*" => send }

#[test]
fn a_mail_is_sent() {
    let asked = Arc::new(Mutex::new(String::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let data = String::from_utf8_lossy(&r.data);
        *seen.lock().unwrap() = format!("{} {data}", r.op);
        let answer = [("message_id", "<1@example.com>"), ("duplicate", "true")];
        Ok(Reply {
            attrs: answer.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let files = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]
        .map(|data| format!(r#"{{"name":"a","data":"{data}"}}"#))
        .join(",");
    let want =
        format!(r#"mail.send {{"to":["a@example.com"],"subject":"s","attachments":[{files}]}}"#);
    assert_eq!(*asked.lock().unwrap(), want);
}
