use grow::testing::{Host, Kind, Reply};
use grow::{CallError, Context, Keep, Message, Result};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let kv = ctx.kv("carts");
    assert_eq!(kv.get::<Vec<u32>>("a")?, Some(vec![7]));
    assert_eq!(kv.get::<Vec<u32>>("none")?, None);
    let entry = kv.read("a")?.unwrap();
    assert_eq!((entry.json::<Vec<u32>>()?, entry.revision), (vec![7], 3));
    let wrong = kv.get::<String>("a").unwrap_err();
    assert!(wrong.to_string().starts_with("decode \"a\""));
    assert_eq!(kv.set("a", &[1])?, 3);
    let keep = Keep {
        if_revision: Some(3),
        ttl: Some(Duration::from_nanos(60_000_000_001)),
    };
    assert_eq!(kv.set_with("a", &[1], keep)?, 3);
    let keep = Keep {
        if_revision: Some(1),
        ..Keep::default()
    };
    let no = kv.write("a", *b"x", keep).unwrap_err();
    assert_eq!(no.to_string(), "kv.set: conflict: another");
    assert_eq!(no.call().map(|e| e.code.as_str()), Some("conflict"));
    assert_eq!(wrong.call(), None);
    kv.delete("a")?;
    kv.delete_if("a", 3)?;
    assert_eq!(kv.list("p")?, ["a", "b"]);
    assert!(kv.page("p", Some("a"), 5)?.is_empty());
    Ok(())
}

grow::actor! { "*" => ask }

#[test]
fn a_bucket_is_asked() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let mut attrs: Vec<_> = r.attrs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        attrs.sort();
        let data = String::from_utf8_lossy(&r.data);
        let line = format!("{} {} {data}", r.op, attrs.join(" "));
        seen.lock().unwrap().push(line);
        let attr = |name: &str| r.attrs.get(name).map(String::as_str);
        let fail = |code: &str, text: &str| {
            Err(CallError {
                op: String::new(),
                code: code.into(),
                text: text.into(),
                retry: false,
            })
        };
        if attr("key") == Some("none") {
            return fail("not_found", "");
        }
        if attr("if_revision") == Some("1") {
            return fail("conflict", "another");
        }
        let data = match (r.op.as_str(), attr("after")) {
            ("kv.list", None) => r#"["a","b"]"#,
            ("kv.list", Some(_)) => "[]",
            _ => "[7]",
        };
        Ok(Reply {
            data: data.into(),
            attrs: [("revision".to_owned(), "3".to_owned())].into(),
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let asked = asked.lock().unwrap();
    assert_eq!(
        asked[4..],
        [
            "kv.set key=a use=carts [1]",
            "kv.set if_revision=3 key=a ttl=60001 use=carts [1]",
            "kv.set if_revision=1 key=a use=carts x",
            "kv.delete key=a use=carts ",
            "kv.delete if_revision=3 key=a use=carts ",
            "kv.list limit=1000 prefix=p use=carts ",
            "kv.list after=b limit=1000 prefix=p use=carts ",
            "kv.list after=a limit=5 prefix=p use=carts ",
        ]
    );
}
