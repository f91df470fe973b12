//! How soon a thread wants to be looked at (requirements 18 to 21).

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::messages::{Kind, Urgency};
use crate::tables::{NEGATIONS, URGENCY_LABELS, URGENCY_WORDS};
use crate::text::{self, Entries, Text};

/// How many words before an entry a negation may stand.
const NEGATION_REACH: usize = 3;

const EXCLAMATION: i32 = 2;
const CAPITALS: i32 = 2;
const CAPITALS_MIN: usize = 10; // letters of a title
const SECURITY: i32 = 3;

const CRITICAL_MIN: i32 = 6;
const HIGH_MIN: i32 = 3;
const LOW_MAX: i32 = -2;

static LABELS: LazyLock<Entries<Urgency>> = LazyLock::new(|| Entries::new(&URGENCY_LABELS));
static WORDS: LazyLock<Entries<i32>> = LazyLock::new(|| Entries::new(&URGENCY_WORDS));
static NOT: LazyLock<HashSet<&str>> = LazyLock::new(|| NEGATIONS.split(", ").collect());

pub fn of(text: &Text, labels: &[String], kind: Kind) -> Urgency {
    if let Some(urgency) = labels
        .iter()
        .filter_map(|label| labelled(label))
        .max_by_key(|u| *u as usize)
    {
        return urgency;
    }
    let mut points = spoken(text);
    if text.title.contains("!!!") || text.body.contains("!!!") {
        points += EXCLAMATION;
    }
    let (letters, capitals) = text::capitals(&text.title);
    if letters >= CAPITALS_MIN && letters == capitals {
        points += CAPITALS;
    }
    if kind == Kind::Security {
        points += SECURITY;
    }
    match points {
        CRITICAL_MIN.. => Urgency::Critical,
        HIGH_MIN.. => Urgency::High,
        ..=LOW_MAX => Urgency::Low,
        _ => Urgency::Normal,
    }
}

fn labelled(label: &str) -> Option<Urgency> {
    let words = text::words(label);
    LABELS
        .find(&words)
        .map(|(entry, _)| LABELS.owner(entry))
        .max_by_key(|urgency| *urgency as usize)
}

/// The points of the words of urgency.
fn spoken(text: &Text) -> i32 {
    let (mut said, mut negated) = (HashSet::new(), HashSet::new());
    for words in [&text.title_words, &text.body_words] {
        for (entry, at) in WORDS.find(words) {
            let before = &words[at.saturating_sub(NEGATION_REACH)..at];
            if before.iter().any(|word| NOT.contains(word.as_str())) {
                negated.insert(entry);
            } else {
                said.insert(entry);
            }
        }
    }
    let told: i32 = said.iter().map(|entry| WORDS.owner(*entry)).sum();
    let denied = negated
        .difference(&said)
        .map(|entry| WORDS.owner(*entry).max(0));
    told - denied.sum::<i32>()
}
