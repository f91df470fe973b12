use grow::testing::{Host, Kind, Reply};
use grow::{Context, Message, Result};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let place: HashMap<&str, &str> = [("name", "Bonn")].into();
    let found: HashMap<String, f64> = ctx.ask("geo", "geo.lookup", &place)?;
    assert_eq!(found["lat"], 50.7);
    Ok(())
}

fn stream(ctx: &mut Context, _: &Message) -> Result {
    let place: HashMap<&str, &str> = [("name", "Bonn")].into();
    let mut found = String::new();
    let mut watched = ctx.ask_stream("geo", "geo.watch", &place)?;
    assert_eq!(watched.status()?, 0);
    watched.read_to_string(&mut found)?;
    let mut drawn = ctx.ask_write_stream("geo", "geo.draw")?;
    drawn.write_all(b"a line")?;
    drawn.close_write()?;
    drawn.read_to_string(&mut found)?;
    assert_eq!(found, r#"{"lat":50.7}{"lat":50.7}"#);
    drawn.close()
}

grow::actor! { "stream" => stream, "*" => ask }

#[test]
fn a_service_is_asked() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let grant = r.attrs.iter().find(|(k, _)| k.as_str() == "use").unwrap();
        let data = String::from_utf8_lossy(&r.data);
        let said = format!("{} {} {data}", r.op, grant.1);
        seen.lock().unwrap().push(said);
        Ok(Reply {
            data: br#"{"lat":50.7}"#.to_vec(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let got = host.send("stream", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let want = [
        r#"geo.lookup geo {"name":"Bonn"}"#,
        r#"geo.watch geo {"name":"Bonn"}"#,
        "geo.draw geo a line",
    ];
    assert_eq!(*asked.lock().unwrap(), want);
}
