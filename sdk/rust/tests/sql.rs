use grow::testing::{Host, Kind, Reply};
use grow::{CallError, Context, Message, Result, Statement};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

#[derive(Deserialize)]
struct Item {
    id: u32,
    name: Option<String>,
}

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let db = ctx.sql("catalogue");
    let rows = db.query("select $1, $2", &(1, "a"))?;
    assert_eq!(rows.columns, ["id", "name"]);
    let items: Vec<Item> = rows.decode()?;
    assert_eq!((items.len(), items[1].id), (2, 2));
    assert_eq!(items[0].name.as_deref(), Some("pen"));
    assert_eq!(db.exec("delete from a", &())?.affected, 2);
    let all = db.together(&[
        Statement::new("delete from a", &())?,
        Statement::new("delete from b where c = $1", &[7])?,
    ])?;
    assert_eq!((all.len(), all[1].affected), (2, 3));
    let wrong = db.query("select 1", &())?.decode::<String>();
    assert!(wrong.unwrap_err().to_string().starts_with("decode row 0"));
    let refused = db.exec("refused", &()).unwrap_err();
    assert_eq!(refused.to_string(), "sql.exec: conflict: taken");
    Ok(())
}

grow::actor! { "*" => ask }

#[test]
fn a_database_is_asked() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let rows = r#"{"columns":["id","name"],"rows":[[1,"pen"],[2,null]],"rows_affected":2}"#;
    let host = Host::new(grow_actor()).double(move |r| {
        let data: Value = serde_json::from_slice(&r.data).unwrap();
        seen.lock()
            .unwrap()
            .push((r.op.clone(), r.attrs["use"].clone(), data.clone()));
        if data["sql"] == "refused" {
            return Err(CallError {
                op: String::new(),
                code: "conflict".into(),
                text: "taken".into(),
                retry: false,
            });
        }
        let data = match data.get("statements") {
            Some(_) => format!(r#"{{"results":[{rows},{{"rows_affected":3}}]}}"#),
            None => rows.to_owned(),
        };
        Ok(Reply {
            data: data.into(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
    let asked = asked.lock().unwrap();
    let first = json!({"sql": "select $1, $2", "args": [1, "a"]});
    assert_eq!(asked[0], ("sql.query".into(), "catalogue".into(), first));
    let third = json!({"statements": [{"sql": "delete from a", "args": null}, {"sql": "delete from b where c = $1", "args": [7]}]});
    assert_eq!(asked[2], ("sql.exec".into(), "catalogue".into(), third));
}
