use crate::{Context, Request, Result};
use serde::{Serialize, Serializer};

/// A mail to send. Recipients are `ops@example.com` or `Ops <ops@example.com>`;
/// there is one in `to`, `cc` or `bcc` at least. With text and HTML a reader
/// shows one of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Mail {
    /// Recipients.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Recipients of a copy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cc: Vec<String>,
    /// Recipients that are not named in the mail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bcc: Vec<String>,
    /// Where answers go; empty: to the sender.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reply_to: String,
    /// One line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The mail as text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The mail as HTML.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub html: String,
    /// Files with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// A file with a mail.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Attachment {
    /// Without folders.
    pub name: String,
    /// As `text/csv`; empty: `application/octet-stream`.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// What is in it.
    #[serde(serialize_with = "base64")]
    pub data: Vec<u8>,
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailed {
    /// Its Message-ID, with brackets.
    pub message_id: String,
    /// An earlier attempt had sent it.
    pub duplicate: bool,
}

impl Context<'_> {
    /// Sends a mail as the grant allows, and returns when the server has it. A
    /// mail that the server has is not sent again, however often the message
    /// is tried.
    pub fn send_mail(&self, grant: &str, mail: &Mail) -> Result<Mailed> {
        let data = serde_json::to_vec(mail)?;
        let answer = self.do_one(Request::new("mail.send").grant(grant).data(data))?;
        Ok(Mailed {
            message_id: answer.attr("message_id").unwrap_or_default().to_owned(),
            duplicate: answer.attr("duplicate") == Some("true"),
        })
    }
}

/// Bytes as RFC 4648 section 4 writes them.
fn base64<S: Serializer>(data: &[u8], to: S) -> std::result::Result<S::Ok, S::Error> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let bits = (0..3).fold(0, |n, i| n << 8 | u32::from(*group.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= group.len() { digit.into() } else { '=' });
        }
    }
    to.serialize_str(&text)
}
