use crate::Result;
use crate::frame::{Attrs, View};
use serde::de::DeserializeOwned;

/// What an actor handles. It is a cheap copy of a reference to the input and
/// lives until the handler returns.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    pub(crate) view: View<'a>,
}

impl<'a> Message<'a> {
    /// The value of an attribute.
    pub fn attr(&self, name: &str) -> Option<&'a str> {
        self.view.attr(name)
    }

    /// Name and value of every attribute.
    pub fn attrs(&self) -> Attrs<'a> {
        self.view.attrs()
    }

    /// The data as it was received.
    pub fn data(&self) -> &'a [u8] {
        self.view.data
    }

    /// The data, decoded from JSON. It may borrow from the message.
    pub fn json<T: serde::Deserialize<'a>>(&self) -> Result<T> {
        serde_json::from_slice(self.view.data).map_err(|e| {
            crate::Error::from(e).context(format_args!("decode {}", self.message_type()))
        })
    }

    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(self.view.data).map_err(|e| {
            let into = std::any::type_name::<T>();
            crate::Error::from(e).context(format_args!("decode {} as {into}", self.message_type()))
        })
    }

    /// The type: `order.placed`.
    pub fn message_type(&self) -> &'a str {
        self.or_empty("type")
    }

    /// Unique for every message.
    pub fn id(&self) -> &'a str {
        self.or_empty("id")
    }

    /// The node or the endpoint the message comes from.
    pub fn source(&self) -> &'a str {
        self.or_empty("source")
    }

    /// What orders messages and owns state; empty when the actor has no key.
    pub fn key(&self) -> &'a str {
        self.or_empty("subject")
    }

    /// When the message came to be: RFC 3339, UTC.
    pub fn time(&self) -> &'a str {
        self.or_empty("time")
    }

    /// The id of the message that began it all.
    pub fn correlation(&self) -> &'a str {
        self.or_empty("correlation")
    }

    /// The id of the message this one was sent for.
    pub fn causation(&self) -> &'a str {
        self.or_empty("causation")
    }

    /// The position in a trace, as in W3C Trace Context.
    pub fn trace_parent(&self) -> &'a str {
        self.or_empty("traceparent")
    }

    /// The media type of the data.
    pub fn content_type(&self) -> &'a str {
        self.attr("datacontenttype").unwrap_or(crate::JSON)
    }

    /// The number of this delivery, from 1.
    pub fn attempt(&self) -> u32 {
        self.or_empty("attempt").parse().unwrap_or(1).max(1)
    }

    /// The method of the HTTP request that the message was made from.
    pub fn method(&self) -> Option<&'a str> {
        self.attr("http.method")
    }

    /// The path of that request.
    pub fn path(&self) -> Option<&'a str> {
        self.attr("http.path")
    }

    /// A header of that request, one that the endpoint passes on. Upper and
    /// lower case make no difference.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.view.find(|n| {
            n.strip_prefix(b"http.header.")
                .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    /// A path parameter of that request.
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.view
            .find(|n| n.strip_prefix(b"http.param.") == Some(name.as_bytes()))
    }

    /// A parameter of that request's query.
    pub fn query(&self, name: &str) -> Option<&'a str> {
        self.view
            .find(|n| n.strip_prefix(b"http.query.") == Some(name.as_bytes()))
    }

    fn or_empty(&self, name: &str) -> &'a str {
        self.attr(name).unwrap_or_default()
    }
}

impl std::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map()
            .entries(self.attrs())
            .entry(&"data", &String::from_utf8_lossy(self.data()))
            .finish()
    }
}
