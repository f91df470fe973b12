use crate::{Answer, Context, Request, Result, Stream};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An answer to a request over HTTP.
#[derive(Clone)]
pub struct Response {
    /// Its status.
    pub status: u16,
    answer: Answer,
}

impl Response {
    /// A header, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.attr(&format!("header.{name}"))
    }

    /// The body.
    pub fn data(&self) -> &[u8] {
        self.answer.data()
    }

    /// The body, decoded from JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        Ok(serde_json::from_slice(self.data())?)
    }
}

#[derive(Serialize)]
struct Asked<'a, P: ?Sized, B: ?Sized> {
    params: &'a P,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a B>,
}

impl<'m> Context<'m> {
    /// Asks for an operation of the OpenAPI document that the grant names, by its
    /// operationId. `params` is a struct or map of its parameters, wherever they
    /// go; `body` is what it carries, `None::<&()>` for nothing.
    ///
    /// An answer of any status that the document lists is one. What does not fit
    /// the document, be it asked or answered, is a
    /// [`CallError`](crate::CallError) of code `invalid`.
    pub fn http_call<P, B>(
        &self,
        grant: &str,
        operation: &str,
        params: &P,
        body: Option<&B>,
    ) -> Result<Response>
    where
        P: Serialize + ?Sized,
        B: Serialize + ?Sized,
    {
        let data = serde_json::to_vec(&Asked { params, body })?;
        let request = Request::new("http.call")
            .grant(grant)
            .attr("operation", operation);
        let answer = self.do_one(request.data(data))?;
        Ok(Response {
            status: answer.attr("status").unwrap_or_default().parse()?,
            answer,
        })
    }

    /// [`Context::http_call`], whose answer is read in pieces, as it comes:
    /// server-sent events, or what is no JSON. All but its body is held against
    /// the document first.
    pub fn http_call_stream<P, B>(
        &self,
        grant: &str,
        operation: &str,
        params: &P,
        body: Option<&B>,
    ) -> Result<Stream<'_, 'm>>
    where
        P: Serialize + ?Sized,
        B: Serialize + ?Sized,
    {
        let data = serde_json::to_vec(&Asked { params, body })?;
        let request = Request::new("stream.open")
            .attr("of", "http.call")
            .attr("operation", operation);
        self.open_stream(grant, request.data(data))
    }
}
