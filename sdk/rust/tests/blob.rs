use grow::testing::{Host, Kind, Reply};
use grow::{CallError, Context, Message, NO_OBJECT, Result};
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};

fn ask(ctx: &mut Context, _: &Message) -> Result {
    let photos = ctx.blob("photos");
    assert_eq!(photos.stat("a")?, None);
    let one = photos.write_if("a", b"one", NO_OBJECT)?;
    assert_eq!((one.size, one.revision.as_str(), one.modified), (3, "1", 7));
    assert_eq!(photos.stat("a")?, Some(one));
    let no = photos.write_if("a", b"two", NO_OBJECT).unwrap_err();
    assert_eq!(no.to_string(), "blob.put: conflict: another");
    assert_eq!(photos.read("a")?, b"one");
    assert!(photos.read("none").is_err());

    let large: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    let mut file = photos.create("b");
    file.write_all(&large[..7]).unwrap();
    file.write_all(&large[7..]).unwrap();
    assert_eq!(photos.stat("b")?, None);
    assert_eq!(file.finish()?.size, large.len() as u64);
    assert!(photos.read("b")? == large);
    let mut file = photos.open("b")?;
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all == large);
    file.seek(SeekFrom::End(-2)).unwrap();
    all.clear();
    file.read_to_end(&mut all).unwrap();
    assert!(all == large[large.len() - 2..]);
    assert!(file.seek(SeekFrom::Current(-3_000_001)).is_err());
    photos.write("b", b"another")?;
    file.seek(SeekFrom::Start(0)).unwrap();
    assert!(file.read(&mut [0]).is_err());

    let mut file = photos.create("broken");
    assert!(file.write_all(&large).is_err());
    assert!(file.finish().is_err());
    assert_eq!(photos.stat("broken")?, None);

    let list = photos.list("")?;
    let listed: Vec<_> = list.iter().map(|o| (o.key.as_str(), o.damaged)).collect();
    assert_eq!(listed, [("a", false), ("b", true)]);
    photos.delete_if("a", "1")?;
    photos.delete("b")?;
    assert!(photos.list("")?.is_empty());
    Ok(())
}

grow::actor! { "*" => ask }

fn fail<T>(code: &str, text: &str) -> std::result::Result<T, CallError> {
    Err(CallError {
        op: String::new(),
        code: code.into(),
        text: text.into(),
        retry: false,
    })
}

#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, (Vec<u8>, u32)>,
    parts: Vec<Vec<u8>>,
}

#[test]
fn objects_are_files() {
    let bucket = Arc::new(Mutex::new(Bucket::default()));
    let host = Host::new(grow_actor()).double(move |r| {
        let b = &mut *bucket.lock().unwrap();
        let attr = |name: &str| r.attrs.get(name).map_or("", String::as_str);
        let key = attr("key").to_owned();
        let have = b.objects.get(&key).map_or(0, |o| o.1);
        if !attr("if_revision").is_empty() && attr("if_revision") != have.to_string() {
            return fail("conflict", "another");
        }
        match r.op.as_str() {
            "blob.list" => {
                let after = attr("after").to_owned();
                let next = b.objects.iter().find(|(k, _)| **k > after);
                let list = next.map(|(k, o)| {
                    format!(
                        r#"{{"key":"{k}","size":{},"revision":"{}","damaged":{}}}"#,
                        o.0.len(),
                        o.1,
                        k == "b"
                    )
                });
                return Ok(Reply {
                    data: format!("[{}]", list.unwrap_or_default()).into(),
                    ..Reply::default()
                });
            }
            "blob.put" if !attr("part").is_empty() => {
                if key == "broken" {
                    return fail("limit", "the bucket is full");
                }
                b.parts.push(r.data.clone());
                return Ok(Reply {
                    attrs: [("upload".to_owned(), "u".to_owned())].into(),
                    ..Reply::default()
                });
            }
            "blob.put" if !attr("parts").is_empty() => {
                assert_eq!(attr("parts"), b.parts.len().to_string());
                b.objects.insert(key.clone(), (b.parts.concat(), have + 1));
            }
            "blob.put" => {
                b.objects.insert(key.clone(), (r.data.clone(), have + 1));
            }
            "blob.delete" => {
                b.objects.remove(&key);
                return Ok(Reply::default());
            }
            _ => {}
        }
        let Some((data, revision)) = b.objects.get(&key) else {
            return fail("not_found", "none");
        };
        let mut some = Vec::new();
        if r.op == "blob.get" {
            let (from, to) = attr("range").split_once('-').unwrap();
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            some = data[from.min(data.len())..(to + 1).min(data.len())].to_vec();
        }
        let of = |name: &str, value: String| (name.to_owned(), value);
        Ok(Reply {
            data: some,
            attrs: [
                of("size", data.len().to_string()),
                of("revision", revision.to_string()),
                of("modified", "7".to_owned()),
            ]
            .into(),
        })
    });
    let got = host.send("ask", &0);
    assert_eq!((got.kind, got.text.as_str()), (Kind::Handled, ""));
}
