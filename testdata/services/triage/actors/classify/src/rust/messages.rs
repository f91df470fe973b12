//! The messages, and the state.

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub struct Thread {
    pub delivery: String,
    pub repository: String,
    pub number: u64,
    pub pull_request: bool,
    pub title: String,
    pub body: String,
    pub labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    En,
    De,
    Fr,
    Es,
    Pt,
    It,
    Nl,
    Ru,
    Zh,
    Ja,
    Ko,
    Und,
}

/// Of kinds with equal points the first is the answer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Security,
    Bug,
    Feature,
    Question,
    Docs,
    Chore,
    Other,
}

/// The most urgent is the greatest.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    Low,
    Normal,
    High,
    Critical,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Duplicate {
    pub number: u64,
    pub similarity: u64,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Classification {
    pub number: u64,
    pub seq: u64,
    pub delivery: String,
    pub pull_request: bool,
    pub language: Language,
    pub kind: Kind,
    pub urgency: Urgency,
    pub duplicates: Vec<Duplicate>,
}

/// A classification on its way out: `thread.classified`, `classified.found`.
#[derive(Serialize)]
pub struct Classified<'a> {
    pub repository: &'a str,
    #[serde(flatten)]
    pub classification: &'a Classification,
}

#[derive(Deserialize)]
pub struct Get {
    pub owner: String,
    pub repo: String,
    pub number: Option<u64>,
}

#[derive(Serialize)]
pub struct Listed<'a> {
    pub repository: &'a str,
    pub seen: u64,
    pub threads: Vec<&'a Classification>,
}

#[derive(Serialize)]
pub struct Unknown<'a> {
    pub repository: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
}

#[derive(Deserialize)]
pub struct Config {
    pub remember: usize,
    pub similar: u64,
}

/// What is remembered of a thread.
#[derive(Deserialize, Serialize)]
pub struct Remembered {
    #[serde(flatten)]
    pub classification: Classification,
    pub sketch: Vec<u32>,
}

/// What is kept of a repository.
#[derive(Default, Deserialize, Serialize)]
pub struct State {
    pub seen: u64,
    pub threads: Vec<Remembered>,
}
