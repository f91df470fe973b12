use crate::call::{Buffers, nothing, one};
use crate::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;

/// The state of the message's key, or of the whole actor when it has no key: a
/// set of named JSON values.
///
/// The name `""` is the usual single value. Reads see the message's own
/// writes; nobody else does before the message is handled. A value is at most
/// 1 MiB, a name 256 bytes.
pub struct State<'c> {
    pub(crate) buffers: &'c RefCell<Buffers>,
}

/// A state value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// JSON.
    pub data: Vec<u8>,
    /// Changes with every write; never 0.
    pub revision: u64,
}

impl State<'_> {
    /// The value called `name`, or `None` when there is none.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.with(name, |data, _| {
            serde_json::from_slice(data)
                .map_err(|e| Error::from(e).context(format_args!("decode state {name:?}")))
        })
    }

    /// The value called `name` as it is kept, or `None` when there is none.
    pub fn read(&self, name: &str) -> Result<Option<Value>> {
        self.with(name, |data, revision| {
            Ok(Value {
                data: data.to_vec(),
                revision,
            })
        })
    }

    fn with<T>(&self, name: &str, f: impl FnOnce(&[u8], u64) -> Result<T>) -> Result<Option<T>> {
        let mut buffers = self.buffers.borrow_mut();
        let answer = one(&mut buffers, "state.get", &[("name", name)], nothing)?;
        let revision = answer.attr("revision").unwrap_or_default().parse::<u64>()?;
        match revision {
            0 => Ok(None),
            _ => f(answer.data, revision).map(Some),
        }
    }

    /// Makes `value`, encoded as JSON, the value called `name`.
    pub fn set<T: Serialize + ?Sized>(&self, name: &str, value: &T) -> Result<()> {
        let mut buffers = self.buffers.borrow_mut();
        one(&mut buffers, "state.set", &[("name", name)], |b| {
            Ok(serde_json::to_writer(b, value)?)
        })?;
        Ok(())
    }

    /// Makes `json` the value called `name`, byte for byte.
    pub fn write(&self, name: &str, json: &[u8]) -> Result<()> {
        let mut buffers = self.buffers.borrow_mut();
        one(&mut buffers, "state.set", &[("name", name)], |b| {
            b.extend_from_slice(json);
            Ok(())
        })?;
        Ok(())
    }

    /// Removes the value called `name`, if there is one.
    pub fn delete(&self, name: &str) -> Result<()> {
        let mut buffers = self.buffers.borrow_mut();
        one(&mut buffers, "state.delete", &[("name", name)], nothing)?;
        Ok(())
    }

    /// The names of all values that begin with `prefix`, in order of their bytes.
    pub fn list(&self, prefix: &str) -> Result<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = match all.last() {
                None => self.names(&[("prefix", prefix)])?,
                Some(last) => self.names(&[("prefix", prefix), ("after", last)])?,
            };
            match (page.first(), all.last()) {
                (None, _) => return Ok(all),
                (Some(first), Some(last)) if first <= last => {
                    return Err(Error::failed(format!(
                        "state.list: the host listed {first:?} twice"
                    )));
                }
                _ => all.extend(page),
            }
        }
    }

    /// Up to `limit` names that begin with `prefix` and follow `after`, or the
    /// first ones when `after` is `None`, in order of their bytes. The host
    /// may return fewer than `limit`; no names mean that no more follow.
    pub fn page(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>> {
        let limit = limit.to_string();
        let mut attrs = vec![("prefix", prefix), ("limit", &limit)];
        attrs.extend(after.map(|after| ("after", after)));
        self.names(&attrs)
    }

    fn names(&self, attrs: &[(&str, &str)]) -> Result<Vec<String>> {
        let mut buffers = self.buffers.borrow_mut();
        let answer = one(&mut buffers, "state.list", attrs, nothing)?;
        Ok(serde_json::from_slice(answer.data)?)
    }
}
