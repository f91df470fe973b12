use crate::{Answer, Context, Error, FrameError, Request, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A bucket with a grant of the actor: values by key, which it shares with
/// others. A key has at most 256 bytes, a value 512 KiB.
///
/// A write fails with a [`CallError`](crate::CallError) of code `conflict` when
/// the key has not the revision that it is for. It is done once for the
/// message, however often that is tried.
pub struct Kv<'c, 'm> {
    context: &'c Context<'m>,
    grant: String,
}

/// A value in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub data: Vec<u8>,
    /// Grows with every write; never 0.
    pub revision: u64,
}

impl Entry {
    /// The value, decoded from JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(&self.data)?)
    }
}

/// How a value is written; the default is without conditions and for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// The revision that the key must have, 0 for no value.
    pub if_revision: Option<u64>,
    /// When the value is removed, rounded up to seconds.
    pub ttl: Option<Duration>,
}

impl<'c, 'm> Kv<'c, 'm> {
    pub(crate) fn new(context: &'c Context<'m>, grant: &str) -> Self {
        Kv {
            context,
            grant: grant.to_owned(),
        }
    }

    fn request(&self, op: &str) -> Request {
        Request::new(op).grant(&*self.grant)
    }

    /// The value of a key, decoded from JSON, or `None` when there is none.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let decode = |entry: Entry| {
            serde_json::from_slice(&entry.data)
                .map_err(|e| Error::from(e).context(format_args!("decode {key:?}")))
        };
        self.read(key)?.map(decode).transpose()
    }

    /// The value of a key as it is kept, or `None` when there is none.
    pub fn read(&self, key: &str) -> Result<Option<Entry>> {
        let request = self.request("kv.get").attr("key", key);
        match self.context.call(&[request])?.pop() {
            None => Err(Error::from(FrameError::Count)),
            Some(Err(no)) if no.code == "not_found" => Ok(None),
            Some(Err(no)) => Err(no.into()),
            Some(Ok(answer)) => Ok(Some(Entry {
                data: answer.data().to_vec(),
                revision: revision(&answer)?,
            })),
        }
    }

    /// Makes `value`, encoded as JSON, the value of a key, and returns its
    /// revision.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<u64> {
        self.set_with(key, value, Keep::default())
    }

    /// [`Kv::set`] with conditions.
    pub fn set_with<T: Serialize + ?Sized>(&self, key: &str, value: &T, keep: Keep) -> Result<u64> {
        let data = serde_json::to_vec(value)
            .map_err(|e| Error::from(e).context(format_args!("encode {key:?}")))?;
        self.write(key, data, keep)
    }

    /// Makes `data` the value of a key, and returns its revision.
    pub fn write(&self, key: &str, data: impl Into<Vec<u8>>, keep: Keep) -> Result<u64> {
        let mut request = self.request("kv.set").attr("key", key).data(data);
        if let Some(n) = keep.if_revision {
            request = request.attr("if_revision", n.to_string());
        }
        if let Some(ttl) = keep.ttl {
            let ms = ttl.as_nanos().div_ceil(1_000_000);
            request = request.attr("ttl", ms.to_string());
        }
        revision(&self.context.do_one(request)?)
    }

    /// Removes the value of a key, if there is one.
    pub fn delete(&self, key: &str) -> Result<()> {
        let request = self.request("kv.delete").attr("key", key);
        self.context.do_one(request).map(drop)
    }

    /// Removes the value of a key that must have a revision.
    pub fn delete_if(&self, key: &str, revision: u64) -> Result<()> {
        let request = self.request("kv.delete").attr("key", key);
        let request = request.attr("if_revision", revision.to_string());
        self.context.do_one(request).map(drop)
    }

    /// All keys that begin with `prefix`, in order of their bytes.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let after = all.last().map(String::as_str);
            let page = self.page(prefix, after, 1000)?;
            match (page.first(), all.last()) {
                (None, _) => return Ok(all),
                (Some(first), Some(last)) if first <= last => {
                    return Err(Error::failed(format!(
                        "kv.list: the host listed {first:?} twice"
                    )));
                }
                _ => all.extend(page),
            }
        }
    }

    /// Up to `limit` keys that begin with `prefix` and follow `after`, or the
    /// first ones when `after` is `None`, in order of their bytes. No keys mean
    /// that no more follow.
    pub fn page(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        let mut request = self.request("kv.list").attr("prefix", prefix);
        request = request.attr("limit", limit.to_string());
        if let Some(after) = after {
            request = request.attr("after", after);
        }
        self.context.do_one(request)?.json()
    }
}

fn revision(answer: &Answer) -> Result<u64> {
    Ok(answer.attr("revision").unwrap_or_default().parse()?)
}
