use grow::testing::{Host, Kind, Reply};
use grow::{Context, Message, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let place: HashMap<&str, &str> = [("name", "Bonn")].into();
    let found: HashMap<String, f64> = ctx.ask("geo", "geo.lookup", &place)?;
    assert_eq!(found["lat"], 50.7);
    Ok(())
}

grow::actor! { "*" => ask }

#[test]
fn a_service_is_asked() {
    let asked = Arc::new(Mutex::new(String::new()));
    let seen = asked.clone();
    let host = Host::new(grow_actor()).double(move |r| {
        let grant = r.attrs.iter().find(|(k, _)| k.as_str() == "use").unwrap();
        let data = String::from_utf8_lossy(&r.data);
        *seen.lock().unwrap() = format!("{} {} {data}", r.op, grant.1);
        Ok(Reply {
            data: br#"{"lat":50.7}"#.to_vec(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    assert_eq!(*asked.lock().unwrap(), r#"geo.lookup geo {"name":"Bonn"}"#);
}
