use crate::{Context, Request, Result};

/// Where a message is kept that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The stream that has it.
    pub stream: String,
    /// Its sequence there.
    pub sequence: u64,
    /// An earlier attempt had published it.
    pub duplicate: bool,
}

impl Context<'_> {
    /// Sends a message to a subject of the server that the grant covers, and
    /// returns when it is kept there. It is kept once for the message that is
    /// handled, however often that is tried within the time in which the stream
    /// knows duplicates.
    pub fn publish(
        &self,
        grant: &str,
        subject: &str,
        data: impl Into<Vec<u8>>,
        headers: &[(&str, &str)],
    ) -> Result<Published> {
        let mut request = Request::new("publish")
            .grant(grant)
            .attr("subject", subject);
        for (name, value) in headers {
            request = request.attr(format!("header.{}", name.to_lowercase()), *value);
        }
        let answer = self.do_one(request.data(data))?;
        Ok(Published {
            stream: answer.attr("stream").unwrap_or_default().to_owned(),
            sequence: answer.attr("sequence").unwrap_or_default().parse()?,
            duplicate: answer.attr("duplicate") == Some("true"),
        })
    }
}
