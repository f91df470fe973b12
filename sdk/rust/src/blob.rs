use crate::{Answer, Context, Error, FrameError, Request, Result};
use serde::Deserialize;
use std::io;

/// Bytes of an object that are read or written at a time.
const PIECE: usize = 512 << 10;

/// A bucket of large objects with a grant of the actor, which it shares with
/// others.
///
/// A request fails with a [`CallError`](crate::CallError) of code `not_found`,
/// and of code `conflict` when the object has not the revision that it is for.
/// A write is done once for the message, however often that is tried.
pub struct Blob<'c, 'm> {
    context: &'c Context<'m>,
    grant: String,
}

/// What is known of an object in a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// In bytes.
    pub size: u64,
    /// Another one with every write.
    pub revision: String,
    /// `sha256:` and 64 hex digits; empty when the store does not know it.
    #[serde(default)]
    pub digest: String,
    /// Milliseconds since 1970; 0 when the store does not know it.
    #[serde(default)]
    pub modified: u64,
    /// In a list: it cannot be read what it is, and only its key is known.
    #[serde(default)]
    pub damaged: bool,
}

/// The revision of a key without an object.
pub const NO_OBJECT: &str = "0";

impl<'m> Context<'m> {
    /// The bucket of large objects that the grant covers.
    pub fn blob(&self, grant: &str) -> Blob<'_, 'm> {
        Blob {
            context: self,
            grant: grant.to_owned(),
        }
    }
}

fn object(key: &str, answer: &Answer) -> Result<Object> {
    let attr = |name| answer.attr(name).unwrap_or_default();
    Ok(Object {
        key: key.to_owned(),
        size: attr("size").parse()?,
        revision: attr("revision").to_owned(),
        digest: attr("digest").to_owned(),
        modified: attr("modified").parse().unwrap_or(0),
        damaged: false,
    })
}

impl<'c, 'm> Blob<'c, 'm> {
    fn request(&self, op: &str, key: &str) -> Request {
        Request::new(op).grant(&*self.grant).attr("key", key)
    }

    /// What is known of an object, or `None` when there is none.
    pub fn stat(&self, key: &str) -> Result<Option<Object>> {
        let request = self.request("blob.stat", key);
        match self.context.call(&[request])?.pop() {
            None => Err(Error::from(FrameError::Count)),
            Some(Err(no)) if no.code == "not_found" => Ok(None),
            Some(Err(no)) => Err(no.into()),
            Some(Ok(answer)) => Ok(Some(object(key, &answer)?)),
        }
    }

    /// The object as a file to read, as it is now: when another takes its place
    /// meanwhile, reading fails with `conflict`.
    pub fn open(&self, key: &str) -> Result<Reader<'_, 'c, 'm>> {
        let request = self.request("blob.get", key);
        let answer = self
            .context
            .do_one(request.attr("range", format!("0-{}", PIECE - 1)))?;
        Ok(Reader {
            blob: self,
            object: object(key, &answer)?,
            at: 0,
            from: 0,
            have: answer.data().to_vec(),
        })
    }

    /// The bytes of an object.
    pub fn read(&self, key: &str) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        let mut reader = self.open(key)?;
        while reader.at < reader.object.size {
            reader.fill()?;
            data.extend_from_slice(reader.rest());
            reader.at = data.len() as u64;
        }
        Ok(data)
    }

    /// Makes `data` an object.
    pub fn write(&self, key: &str, data: &[u8]) -> Result<Object> {
        let mut writer = self.create(key);
        writer.put(data)?;
        writer.finish()
    }

    /// Makes `data` an object in place of the one of a revision, [`NO_OBJECT`]
    /// for none.
    pub fn write_if(&self, key: &str, data: &[u8], revision: &str) -> Result<Object> {
        let mut writer = self.create_if(key, revision);
        writer.put(data)?;
        writer.finish()
    }

    /// A file to write an object, which is there, whole, after
    /// [`Writer::finish`]. One that is not finished is not written.
    pub fn create(&self, key: &str) -> Writer<'_, 'c, 'm> {
        Writer {
            blob: self,
            key: key.to_owned(),
            revision: None,
            rest: Vec::new(),
            parts: 0,
            upload: None,
            broken: false,
        }
    }

    /// [`Blob::create`] in place of the object of a revision, [`NO_OBJECT`] for
    /// none.
    pub fn create_if(&self, key: &str, revision: &str) -> Writer<'_, 'c, 'm> {
        Writer {
            revision: Some(revision.to_owned()),
            ..self.create(key)
        }
    }

    /// Removes an object, if there is one.
    pub fn delete(&self, key: &str) -> Result<()> {
        let request = self.request("blob.delete", key);
        self.context.do_one(request).map(drop)
    }

    /// Removes the object of a revision.
    pub fn delete_if(&self, key: &str, revision: &str) -> Result<()> {
        let request = self.request("blob.delete", key);
        self.context
            .do_one(request.attr("if_revision", revision))
            .map(drop)
    }

    /// All objects whose keys begin with `prefix`, in order of the keys' bytes.
    pub fn list(&self, prefix: &str) -> Result<Vec<Object>> {
        let mut all: Vec<Object> = Vec::new();
        loop {
            let after = all.last().map_or("", |o| &*o.key);
            let page = self.page(prefix, after, 1000)?;
            match (page.first(), all.last()) {
                (None, _) => return Ok(all),
                (Some(first), Some(last)) if first.key <= last.key => {
                    return Err(Error::failed(format!(
                        "blob.list: the host listed {:?} twice",
                        first.key
                    )));
                }
                _ => all.extend(page),
            }
        }
    }

    /// Up to `limit` objects whose keys begin with `prefix` and follow `after`,
    /// or the first ones when that is empty. None mean that no more follow.
    pub fn page(&self, prefix: &str, after: &str, limit: u32) -> Result<Vec<Object>> {
        let request = Request::new("blob.list")
            .grant(&*self.grant)
            .attr("prefix", prefix)
            .attr("after", after)
            .attr("limit", limit.to_string());
        self.context.do_one(request)?.json()
    }
}

/// An object as a file to read.
pub struct Reader<'b, 'c, 'm> {
    blob: &'b Blob<'c, 'm>,
    object: Object,
    at: u64,
    /// Where `have` begins.
    from: u64,
    have: Vec<u8>,
}

impl Reader<'_, '_, '_> {
    /// What was known of the object when it was opened.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// What there is of the bytes that come next.
    fn rest(&self) -> &[u8] {
        self.at
            .checked_sub(self.from)
            .and_then(|n| self.have.get(usize::try_from(n).ok()?..))
            .unwrap_or_default()
    }

    /// Reads the piece that comes next, unless there is some of it.
    fn fill(&mut self) -> Result<()> {
        if self.at >= self.object.size || !self.rest().is_empty() {
            return Ok(());
        }
        let request = self.blob.request("blob.get", &self.object.key);
        let last = self.at.saturating_add(PIECE as u64 - 1);
        let answer = self.blob.context.do_one(
            request
                .attr("range", format!("{}-{last}", self.at))
                .attr("if_revision", &*self.object.revision),
        )?;
        if answer.data().is_empty() {
            return Err(Error::failed(format!(
                "blob.get: the host gave no bytes at {} of {}",
                self.at, self.object.size
            )));
        }
        (self.from, self.have) = (self.at, answer.data().to_vec());
        Ok(())
    }
}

impl io::Read for Reader<'_, '_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fill().map_err(Error::into_io)?;
        let n = buffer.len().min(self.rest().len());
        buffer[..n].copy_from_slice(&self.rest()[..n]);
        self.at += n as u64;
        Ok(n)
    }
}

impl io::Seek for Reader<'_, '_, '_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let to = match to {
            io::SeekFrom::Start(n) => Some(n),
            io::SeekFrom::Current(n) => self.at.checked_add_signed(n),
            io::SeekFrom::End(n) => self.object.size.checked_add_signed(n),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// An object as a file to write.
pub struct Writer<'b, 'c, 'm> {
    blob: &'b Blob<'c, 'm>,
    key: String,
    revision: Option<String>,
    /// What was written since the last part; at most `PIECE`.
    rest: Vec<u8>,
    parts: usize,
    upload: Option<String>,
    /// A part was not taken: what follows would leave it out.
    broken: bool,
}

impl Writer<'_, '_, '_> {
    fn put(&mut self, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            if self.rest.len() == PIECE {
                self.part()?;
            }
            let n = data.len().min(PIECE - self.rest.len());
            self.rest.extend_from_slice(&data[..n]);
            data = &data[n..];
        }
        Ok(())
    }

    fn part(&mut self) -> Result<()> {
        self.whole()?;
        self.broken = true;
        self.parts += 1;
        let mut request = self.blob.request("blob.put", &self.key);
        request = request.attr("part", self.parts.to_string());
        if let Some(upload) = &self.upload {
            request = request.attr("upload", &**upload);
        }
        let data = std::mem::take(&mut self.rest);
        let answer = self.blob.context.do_one(request.data(data))?;
        self.upload = answer.attr("upload").map(str::to_owned);
        self.broken = false;
        Ok(())
    }

    fn whole(&self) -> Result<()> {
        if self.broken {
            return Err(Error::failed(format!(
                "blob.put {:?}: a part of it was not taken: write it anew",
                self.key
            )));
        }
        Ok(())
    }

    /// Makes what was written the object.
    pub fn finish(mut self) -> Result<Object> {
        self.whole()?;
        if self.parts > 0 && !self.rest.is_empty() {
            self.part()?;
        }
        let mut request = self.blob.request("blob.put", &self.key).data(self.rest);
        if let Some(upload) = self.upload {
            request = request
                .attr("upload", upload)
                .attr("parts", self.parts.to_string());
        }
        if let Some(revision) = self.revision {
            request = request.attr("if_revision", revision);
        }
        object(&self.key, &self.blob.context.do_one(request)?)
    }
}

impl io::Write for Writer<'_, '_, '_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.put(data).map_err(Error::into_io)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
