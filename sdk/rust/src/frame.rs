//! The one encoding that crosses between an actor and its host.
//!
//! `abi/README.md` of the project specifies it; `abi/testdata/frames.json`
//! holds the vectors this module is tested with.

use std::fmt;

/// Attributes of one message, at most.
pub(crate) const ATTRS_MAX: usize = 64;
/// Bytes of an attribute's name, at most.
pub(crate) const NAME_MAX: usize = 256;
/// Bytes of an attribute's value, at most.
pub(crate) const VALUE_MAX: usize = 4096;

/// What can be wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// It ends too early.
    Short,
    /// It has bytes after its last message.
    Trailing,
    /// It counts more messages or attributes than its bytes can hold.
    Count,
    /// A name occurs twice in one message.
    Duplicate,
    /// A name or a value is not valid UTF-8.
    Utf8,
    /// A name is empty.
    Name,
    /// A message has too many attributes, or a name or a value is too long.
    Limit,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FrameError::Short => "frame ends too early",
            FrameError::Trailing => "frame has bytes after its last message",
            FrameError::Count => "frame counts more than its bytes can hold",
            FrameError::Duplicate => "attribute name occurs twice",
            FrameError::Utf8 => "attribute is not valid UTF-8",
            FrameError::Name => "attribute name is empty",
            FrameError::Limit => "attribute exceeds a limit",
        })
    }
}

impl std::error::Error for FrameError {}

/// One message inside a frame.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    attrs: &'a [u8],
    pub(crate) data: &'a [u8],
}

impl<'a> View<'a> {
    pub(crate) const EMPTY: View<'static> = View {
        attrs: &[],
        data: &[],
    };

    /// The value of an attribute.
    pub(crate) fn attr(&self, name: &str) -> Option<&'a str> {
        self.find(|n| n == name.as_bytes())
    }

    /// The value of the first attribute whose name `is` the one.
    pub(crate) fn find(&self, is: impl Fn(&[u8]) -> bool) -> Option<&'a str> {
        let mut rest = self.attrs;
        while let Some((name, value, after)) = cut(rest) {
            if is(name) {
                return std::str::from_utf8(value).ok();
            }
            rest = after;
        }
        None
    }

    /// Name and value of every attribute, in order.
    pub(crate) fn attrs(&self) -> Attrs<'a> {
        Attrs { rest: self.attrs }
    }
}

/// The attributes of a message: an iterator over names and values.
#[derive(Clone)]
pub struct Attrs<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attrs<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = cut(self.rest)?;
        self.rest = rest;
        // They are; a second check costs less than unsafe code would.
        Some((
            std::str::from_utf8(name).ok()?,
            std::str::from_utf8(value).ok()?,
        ))
    }
}

/// Walks the messages of a frame.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    left: u32,
    /// Names and values are not looked at, only lengths.
    trusting: bool,
}

/// Bytes of the smallest message: a number of attributes, a length of data.
const MESSAGE_MIN: u64 = 2 + 4;
/// Bytes of the smallest attribute: two lengths and a name of one byte.
const ATTR_MIN: usize = 2 + 1 + 4;

impl<'a> Reader<'a> {
    /// Begins to read. A count that the frame cannot hold is refused here, so
    /// that a count alone never makes anybody allocate.
    pub(crate) fn new(frame: &'a [u8]) -> Result<Self, FrameError> {
        let (left, rest) = take_u32(frame).ok_or(FrameError::Short)?;
        if u64::from(left) * MESSAGE_MIN > rest.len() as u64 {
            return Err(FrameError::Count);
        }
        if left == 0 && !rest.is_empty() {
            return Err(FrameError::Trailing);
        }
        Ok(Reader {
            rest,
            left,
            trusting: false,
        })
    }

    /// Begins to read a frame that the host has written, whose attributes keep
    /// to the rules: checking them again would be most of the work of a small
    /// message. A value that is not UTF-8 all the same is as if it were absent.
    pub(crate) fn trusting(frame: &'a [u8]) -> Result<Self, FrameError> {
        let mut r = Reader::new(frame)?;
        r.trusting = true;
        Ok(r)
    }

    /// The number of messages not yet read.
    pub(crate) fn left(&self) -> usize {
        self.left as usize
    }

    /// Where in `frame`, which is the one being read, the next message begins.
    pub(crate) fn position(&self, frame: &[u8]) -> usize {
        frame.len() - self.rest.len()
    }

    fn message(&mut self) -> Result<View<'a>, FrameError> {
        let (n, start) = take_u16(self.rest).ok_or(FrameError::Short)?;
        let n = usize::from(n);
        if n > ATTRS_MAX {
            return Err(FrameError::Limit);
        }
        if n * ATTR_MIN > start.len() {
            return Err(FrameError::Count);
        }
        let mut b = start;
        let mut seen = Seen(0);
        for _ in 0..n {
            let (name, value, rest) = cut(b).ok_or(FrameError::Short)?;
            if !self.trusting {
                check_bytes(name, value)?;
                if seen.maybe(name) && contains(&start[..start.len() - b.len()], name) {
                    return Err(FrameError::Duplicate);
                }
            }
            b = rest;
        }
        let attrs = &start[..start.len() - b.len()];
        let (size, b) = take_u32(b).ok_or(FrameError::Short)?;
        let (data, rest) = split(b, size as usize).ok_or(FrameError::Short)?;
        self.rest = rest;
        self.left -= 1;
        if self.left == 0 && !rest.is_empty() {
            return Err(FrameError::Trailing);
        }
        Ok(View { attrs, data })
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<View<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let item = self.message();
        if item.is_err() {
            self.left = 0;
        }
        Some(item)
    }
}

/// Reads a frame of the host that must hold a single message.
pub(crate) fn one(frame: &[u8]) -> Result<View<'_>, FrameError> {
    let mut r = Reader::trusting(frame)?;
    if r.left() != 1 {
        return Err(FrameError::Count);
    }
    r.message()
}

/// Reads one message, without the count, that a [`Reader`] has read before.
pub(crate) fn part(message: &[u8]) -> View<'_> {
    let mut r = Reader {
        rest: message,
        left: 1,
        trusting: true,
    };
    r.message().unwrap_or(View::EMPTY)
}

fn check_bytes(name: &[u8], value: &[u8]) -> Result<(), FrameError> {
    check_sizes(name.len(), value.len())?;
    if is_text(name) && is_text(value) {
        Ok(())
    } else {
        Err(FrameError::Utf8)
    }
}

/// Whether `b` is UTF-8; quick for the short ASCII that attributes are.
fn is_text(b: &[u8]) -> bool {
    let (mut words, mut rest) = (0, b);
    while let Some((word, after)) = rest.split_first_chunk() {
        words |= u64::from_le_bytes(*word);
        rest = after;
    }
    let last = rest.iter().fold(0, |all, c| all | c);
    words & 0x8080_8080_8080_8080 == 0 && last < 0x80 || std::str::from_utf8(b).is_ok()
}

/// Names seen so far, as bits of a hash: enough to spare most names the
/// comparison with all before them.
struct Seen(u64);

impl Seen {
    /// Whether `name`, which is not empty, may have been seen before.
    fn maybe(&mut self, name: &[u8]) -> bool {
        let (first, last) = (name[0], name[name.len() - 1]);
        let middle = name[name.len() / 2];
        let hash = first ^ last.rotate_left(2) ^ middle.rotate_left(5) ^ name.len() as u8;
        let bit = 1 << (hash & 63);
        let before = self.0;
        self.0 |= bit;
        before & bit != 0
    }
}

fn check_sizes(name: usize, value: usize) -> Result<(), FrameError> {
    match name {
        0 => Err(FrameError::Name),
        n if n > NAME_MAX || value > VALUE_MAX => Err(FrameError::Limit),
        _ => Ok(()),
    }
}

fn contains(mut attrs: &[u8], name: &[u8]) -> bool {
    while let Some((n, _, rest)) = cut(attrs) {
        if n == name {
            return true;
        }
        attrs = rest;
    }
    false
}

/// Splits the first attribute off `b`.
fn cut(b: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (n, b) = take_u16(b)?;
    let (name, b) = split(b, usize::from(n))?;
    let (n, b) = take_u32(b)?;
    let (value, rest) = split(b, n as usize)?;
    Some((name, value, rest))
}

fn split(b: &[u8], n: usize) -> Option<(&[u8], &[u8])> {
    b.split_at_checked(n)
}

fn take_u16(b: &[u8]) -> Option<(u16, &[u8])> {
    let (n, rest) = b.split_first_chunk()?;
    Some((u16::from_le_bytes(*n), rest))
}

fn take_u32(b: &[u8]) -> Option<(u32, &[u8])> {
    let (n, rest) = b.split_first_chunk()?;
    Some((u32::from_le_bytes(*n), rest))
}

/// Begins a frame of `n` messages.
pub(crate) fn put_count(b: &mut Vec<u8>, n: usize) {
    b.extend_from_slice(&(n as u32).to_le_bytes());
}

/// Rewrites the count of a frame that [`put_count`] began.
pub(crate) fn set_count(b: &mut [u8], n: usize) {
    b[..4].copy_from_slice(&(n as u32).to_le_bytes());
}

/// A message being appended to a frame. What it has appended is taken back
/// when it is dropped before it has its data.
pub(crate) struct Writer<'a> {
    b: &'a mut Vec<u8>,
    start: usize,
    attrs: u16,
    done: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(b: &'a mut Vec<u8>) -> Self {
        let start = b.len();
        b.extend_from_slice(&[0, 0]);
        Writer {
            b,
            start,
            attrs: 0,
            done: false,
        }
    }

    /// Appends one attribute, unless it breaks a rule of the frame.
    pub(crate) fn attr(&mut self, name: &str, value: &str) -> Result<(), FrameError> {
        self.attr_under("", name, value)
    }

    /// Appends one attribute whose name is `prefix` and `name`, without making
    /// a string of them.
    pub(crate) fn attr_under(
        &mut self,
        prefix: &str,
        name: &str,
        value: &str,
    ) -> Result<(), FrameError> {
        let size = prefix.len() + name.len();
        check_sizes(size, value.len())?;
        if usize::from(self.attrs) == ATTRS_MAX {
            return Err(FrameError::Limit);
        }
        let at = self.b.len();
        self.b.reserve(ATTR_MIN + size + value.len());
        self.b.extend_from_slice(&(size as u16).to_le_bytes());
        self.b.extend_from_slice(prefix.as_bytes());
        self.b.extend_from_slice(name.as_bytes());
        if contains(&self.b[self.start + 2..at], &self.b[at + 2..]) {
            self.b.truncate(at);
            return Err(FrameError::Duplicate);
        }
        self.b
            .extend_from_slice(&(value.len() as u32).to_le_bytes());
        self.b.extend_from_slice(value.as_bytes());
        self.attrs += 1;
        Ok(())
    }

    /// Appends one attribute as `attr_under` does, with its name in lower case.
    pub(crate) fn attr_lower(
        &mut self,
        prefix: &str,
        name: &str,
        value: &str,
    ) -> Result<(), FrameError> {
        match name.bytes().any(|c| c.is_ascii_uppercase()) {
            true => self.attr_under(prefix, &name.to_ascii_lowercase(), value),
            false => self.attr_under(prefix, name, value),
        }
    }

    /// Ends the message with its data.
    pub(crate) fn data(mut self, data: &[u8]) {
        self.head();
        self.b.extend_from_slice(&(data.len() as u32).to_le_bytes());
        self.b.extend_from_slice(data);
        self.done = true;
    }

    /// Ends the message with what `write` appends to the frame.
    pub(crate) fn data_from<E>(
        mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.head();
        let at = self.b.len();
        self.b.extend_from_slice(&[0; 4]);
        write(self.b)?;
        let size = (self.b.len() - at - 4) as u32;
        self.b[at..at + 4].copy_from_slice(&size.to_le_bytes());
        self.done = true;
        Ok(())
    }

    fn head(&mut self) {
        self.b[self.start..self.start + 2].copy_from_slice(&self.attrs.to_le_bytes());
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.b.truncate(self.start);
        }
    }
}

#[cfg(test)]
#[path = "frame_test.rs"]
mod tests;
