use super::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    hex: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    messages: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    attributes: Vec<(String, String)>,
    data_hex: String,
}

fn vectors() -> Vec<Vector> {
    // As it is now and not as it was built: another checkout may share the folder of what is built.
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the SDK is");
    let path = std::path::Path::new(&here).join("../../abi/testdata/frames.json");
    let text = std::fs::read(path).expect("abi/testdata/frames.json is beside the SDK");
    serde_json::from_slice(&text).expect("the vectors are JSON")
}

fn unhex(s: &str) -> Vec<u8> {
    let digits = s.as_bytes().chunks_exact(2);
    let byte = |d: &[u8]| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

type Decoded = Vec<(Vec<(String, String)>, Vec<u8>)>;

fn decode(frame: &[u8]) -> Result<Decoded, FrameError> {
    let read = |m: View<'_>| {
        let attrs = m.attrs().map(|(n, v)| (n.to_owned(), v.to_owned()));
        (attrs.collect(), m.data.to_vec())
    };
    Reader::new(frame)?.map(|m| m.map(read)).collect()
}

fn kind(e: FrameError) -> &'static str {
    match e {
        FrameError::Short => "short",
        FrameError::Trailing => "trailing",
        FrameError::Count => "count",
        FrameError::Duplicate => "duplicate",
        FrameError::Utf8 => "utf8",
        FrameError::Name => "name",
        FrameError::Limit => "limit",
    }
}

#[test]
fn vectors_decode() {
    let all = vectors();
    assert!(all.len() > 100);
    for v in all {
        match decode(&unhex(&v.hex)) {
            Ok(got) => {
                let want: Decoded = v
                    .messages
                    .into_iter()
                    .map(|m| (m.attributes, unhex(&m.data_hex)))
                    .collect();
                assert_eq!(v.error, "", "{} was read", v.name);
                assert_eq!(got, want, "{}", v.name);
            }
            Err(e) => assert_eq!(kind(e), v.error, "{}", v.name),
        }
    }
}

#[test]
fn vectors_encode() {
    for v in vectors().into_iter().filter(|v| v.error.is_empty()) {
        let mut b = Vec::new();
        put_count(&mut b, v.messages.len());
        for m in &v.messages {
            let mut w = Writer::new(&mut b);
            for (name, value) in &m.attributes {
                w.attr(name, value).unwrap();
            }
            w.data(&unhex(&m.data_hex));
        }
        assert_eq!(b, unhex(&v.hex), "{}", v.name);
    }
}

#[test]
fn a_writer_keeps_to_the_rules() {
    let mut b = vec![7];
    let long = "v".repeat(VALUE_MAX + 1);
    let mut w = Writer::new(&mut b);
    w.attr("a", "1").unwrap();
    assert_eq!(w.attr("a", "2"), Err(FrameError::Duplicate));
    assert_eq!(w.attr("", "2"), Err(FrameError::Name));
    assert_eq!(w.attr("b", &long), Err(FrameError::Limit));
    assert_eq!(w.attr(&long[..NAME_MAX + 1], "2"), Err(FrameError::Limit));
    for i in 1..ATTRS_MAX {
        w.attr(&format!("x.{i}"), "").unwrap();
    }
    assert_eq!(w.attr("c", ""), Err(FrameError::Limit));
    drop(w);
    assert_eq!(b, [7], "what was not ended is taken back");
}

/// Every vector with one byte changed is read as what it says, or refused.
#[test]
fn changed_vectors_decode_or_fail() {
    for v in vectors() {
        let mut frame = unhex(&v.hex);
        for i in 0..frame.len().min(300) {
            let was = frame[i];
            for byte in [0, 1, 0x7f, 0x80, 0xff, was.wrapping_add(1)] {
                frame[i] = byte;
                let Ok(messages) = decode(&frame) else {
                    continue;
                };
                let mut again = Vec::new();
                put_count(&mut again, messages.len());
                for (attrs, data) in &messages {
                    let mut w = Writer::new(&mut again);
                    for (name, value) in attrs {
                        w.attr(name, value).unwrap();
                    }
                    w.data(data);
                }
                assert_eq!(again, frame, "{} with byte {i} as {byte}", v.name);
            }
            frame[i] = was;
        }
    }
}

/// What is taken from a host without looking keeps within the frame, too.
#[test]
fn trusting_reads_the_same_and_never_beyond() {
    for v in vectors() {
        let frame = unhex(&v.hex);
        let count = |r: Result<Reader<'_>, FrameError>| -> Result<usize, FrameError> {
            r?.map(|m| m.map(|m| m.attrs().count() + m.attr("type").map_or(0, str::len)))
                .sum()
        };
        let trusted = count(Reader::trusting(&frame));
        match v.error.as_str() {
            "" => assert_eq!(trusted, count(Reader::new(&frame)), "{}", v.name),
            "short" | "trailing" | "count" => assert!(trusted.is_err(), "{}", v.name),
            _ => {}
        }
    }
}
