use crate::{Context, Error, Request, Result, Stream};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What a language model is asked.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Chat {
    /// Empty: the grant's first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// How the model should be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system: String,
    /// What was said so far.
    pub messages: Vec<ChatMessage>,
    /// What the model may ask the actor to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// JSON Schema of an object: the text of the answer is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// Of the answer; `None`: as many as the grant allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// 0 to 2; `None`: the provider's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Until the answer is there, or a stream begins; `None`: as long as the message
    /// may take.
    #[serde(skip)]
    pub timeout: Option<Duration>,
}

impl Chat {
    /// A request with the attributes of the chat.
    fn request(&self, op: &str) -> Request {
        let request = Request::new(op);
        match self.timeout {
            Some(time) => request.attr("timeout", time.as_millis().max(1).to_string()),
            None => request,
        }
    }
}

/// One message of a chat.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChatMessage {
    /// `user`, `assistant` or `tool`.
    pub role: String,
    /// What is said.
    pub text: String,
    /// Of an assistant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    /// Of the call that a tool answers.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
}

impl ChatMessage {
    /// What the user says.
    pub fn user(text: impl Into<String>) -> Self {
        ChatMessage {
            role: "user".into(),
            text: text.into(),
            ..ChatMessage::default()
        }
    }
}

/// A tool that a model may ask for.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tool {
    /// Letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// What it does, for the model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// JSON Schema of an object.
    pub parameters: Value,
}

/// A model's wish to have a tool used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// By which it is answered.
    pub id: String,
    /// Of the tool.
    pub name: String,
    /// An object.
    pub arguments: Value,
}

impl ToolCall {
    /// The message that answers the call.
    pub fn answer(&self, text: impl Into<String>) -> ChatMessage {
        ChatMessage {
            role: "tool".into(),
            text: text.into(),
            id: self.id.clone(),
            ..ChatMessage::default()
        }
    }
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ChatReply {
    /// That was asked.
    pub model: String,
    /// What it says.
    pub text: String,
    /// Each to be answered by [`ToolCall::answer`], after [`ChatReply::message`].
    #[serde(default)]
    pub calls: Vec<ToolCall>,
    /// `end`, `tools`, `length` or `refused`.
    pub stop: String,
    /// Zero when the provider does not say.
    pub usage: TokenUsage,
}

impl ChatReply {
    /// The answer as a message of the chat that goes on.
    pub fn message(&self) -> ChatMessage {
        ChatMessage {
            role: "assistant".into(),
            text: self.text.clone(),
            calls: self.calls.clone(),
            ..ChatMessage::default()
        }
    }
}

/// Tokens that were used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct TokenUsage {
    /// Of the request.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
}

/// A language model with a grant of the actor. An answer is paid once for the
/// message, however often that is tried; when the grant's tokens are used up,
/// requests fail with a [`CallError`](crate::CallError) of code `limit`.
pub struct Llm<'c, 'm> {
    context: &'c Context<'m>,
    grant: String,
}

impl<'c, 'm> Llm<'c, 'm> {
    pub(crate) fn new(context: &'c Context<'m>, grant: &str) -> Self {
        Llm {
            context,
            grant: grant.to_owned(),
        }
    }

    /// Asks a model.
    pub fn chat(&self, chat: &Chat) -> Result<ChatReply> {
        self.ask(chat.request("llm.chat"), chat)
    }

    /// Asks a model, and returns as soon as it begins to answer.
    pub fn stream(&self, chat: &Chat) -> Result<ChatStream<'c, 'm>> {
        let request = chat.request("stream.open").attr("of", "llm.chat");
        let data = serde_json::to_vec(chat)?;
        let stream = self.context.open_stream(&self.grant, request.data(data))?;
        Ok(ChatStream {
            stream: stream.lines(),
            reply: None,
            said: false,
            failed: false,
        })
    }

    /// A vector for each text, by a model; empty: the grant's first.
    pub fn embed(&self, model: &str, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        #[derive(Serialize)]
        struct Embed<'a> {
            #[serde(skip_serializing_if = "str::is_empty")]
            model: &'a str,
            texts: &'a [&'a str],
        }
        #[derive(Deserialize)]
        struct Vectors {
            vectors: Vec<Vec<f32>>,
        }
        let request = Request::new("llm.embed");
        let answer: Vectors = self.ask(request, &Embed { model, texts })?;
        Ok(answer.vectors)
    }

    fn ask<T: DeserializeOwned>(&self, request: Request, body: &impl Serialize) -> Result<T> {
        let data = serde_json::to_vec(body)?;
        let answer = self
            .context
            .do_one(request.grant(&*self.grant).data(data))?;
        Ok(serde_json::from_slice(answer.data())?)
    }
}

/// The answer to a chat, as it comes: iterating gives its text in pieces, as soon
/// as they are there, those of a tenth of a second together. An error ends them.
/// The stream ends when it is dropped, and with the message; what is not read may
/// have been paid all the same.
pub struct ChatStream<'c, 'm> {
    stream: Stream<'c, 'm>,
    reply: Option<ChatReply>,
    said: bool,
    failed: bool,
}

/// A line: a piece of the text, or, when it has all of that, the reply.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Reply(ChatReply),
    Piece { text: String },
}

impl ChatStream<'_, '_> {
    /// The whole answer. It waits until that is there.
    pub fn reply(&mut self) -> Result<ChatReply> {
        loop {
            if let Some(reply) = &self.reply {
                return Ok(reply.clone());
            }
            self.read()?;
        }
    }

    /// Reads a line; the text that it adds may be empty.
    fn read(&mut self) -> Result<String> {
        let line = match self.stream.line()? {
            Some(line) => line,
            None => self.stream.rest(), // the last one need not end
        };
        if line.is_empty() {
            return Err(Error::failed(
                "stream.read: the chat ended without its reply",
            ));
        }
        let text = match serde_json::from_str(&line)? {
            Line::Piece { text } => text,
            Line::Reply(reply) => {
                let text = if self.said { "" } else { &*reply.text };
                let text = text.to_owned();
                self.reply = Some(reply);
                text
            }
        };
        self.said |= !text.is_empty();
        Ok(text)
    }
}

impl Iterator for ChatStream<'_, '_> {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Result<String>> {
        while self.reply.is_none() && !self.failed {
            match self.read() {
                Ok(text) if text.is_empty() => {}
                Ok(text) => return Some(Ok(text)),
                Err(e) => {
                    self.failed = true;
                    return Some(Err(e));
                }
            }
        }
        None
    }
}
