use grow::testing::{Host, Kind, Reply};
use grow::{CallError, Context, Message, Result};

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let files = ctx.files("texts");
    assert_eq!(files.read("docs/a.md")?, b"text");
    let list = files.list("docs")?;
    assert_eq!((list.len(), list[0].name.as_str()), (1, "a.md"));
    assert_eq!((list[0].size, list[0].folder), (4, false));
    let no = files.read("none").unwrap_err();
    assert!(no.to_string().starts_with("files.read: not_found"));
    Ok(())
}

grow::actor! { "*" => ask }

#[test]
fn documents_are_read() {
    let host = Host::new(grow_actor()).double(|r| {
        let data = match (r.op.as_str(), r.attrs["path"].as_str()) {
            ("files.read", "docs/a.md") => "text",
            ("files.list", "docs") => r#"[{"name":"a.md","size":4,"folder":false}]"#,
            _ => {
                return Err(CallError {
                    op: String::new(),
                    code: "not_found".into(),
                    text: "none".into(),
                    retry: false,
                });
            }
        };
        Ok(Reply {
            data: data.into(),
            ..Reply::default()
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
}
