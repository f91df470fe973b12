//! What a thread is about (requirements 13 to 17).

use std::cmp::Reverse;
use std::collections::HashSet;
use std::sync::LazyLock;

use crate::messages::Kind;
use crate::tables::{BUG_TRACES, KIND_HEADS, KIND_LABELS, KIND_WORDS};
use crate::text::{self, Entries, Text};

const LABEL: u32 = 100;
const HEAD: u32 = 50;
const IN_TITLE: u32 = 5;
const IN_BODY: u32 = 2;
const TRACE: u32 = 3;
const QUESTION_MARK: u32 = 5;
const POINTS_MIN: u32 = 4;

static LABELS: LazyLock<Entries<Kind>> = LazyLock::new(|| Entries::new(&KIND_LABELS));
static WORDS: LazyLock<Entries<Kind>> = LazyLock::new(|| Entries::new(&KIND_WORDS));

pub fn of(text: &Text, labels: &[String], pull_request: bool) -> Kind {
    let mut points = [0; Kind::Other as usize]; // of equals the first is the answer
    for label in labels {
        let words = text::words(label);
        let kinds: HashSet<usize> = LABELS
            .find(&words)
            .map(|(entry, _)| LABELS.owner(entry) as usize)
            .collect();
        kinds.into_iter().for_each(|kind| points[kind] += LABEL);
    }
    let head = text::words(head(&text.title)).join(" ");
    for (kind, entries) in KIND_HEADS {
        if entries.split(", ").any(|entry| entry == head) {
            points[kind as usize] += HEAD;
        }
    }
    for (words, worth) in [(&text.title_words, IN_TITLE), (&text.body_words, IN_BODY)] {
        let found: HashSet<usize> = WORDS.find(words).map(|(entry, _)| entry).collect();
        for entry in found {
            points[WORDS.owner(entry) as usize] += worth;
        }
    }
    let traces = BUG_TRACES.iter().filter(|t| text.raw.contains(**t));
    points[Kind::Bug as usize] += TRACE * traces.count() as u32;
    if pull_request {
        points[Kind::Question as usize] = 0;
    } else if text
        .title
        .trim_end_matches(' ')
        .ends_with(['?', '\u{ff1f}'])
    {
        points[Kind::Question as usize] += QUESTION_MARK;
    }
    most(&points)
}

fn head(title: &str) -> &str {
    let head = match title.strip_prefix('[') {
        Some(rest) => rest.split_once(']'),
        None => title.split_once(':'),
    };
    let head = head.map_or("", |(head, _)| head);
    head.split('(').next().unwrap_or_default()
}

fn most(points: &[u32]) -> Kind {
    let kinds = KIND_WORDS.iter().map(|(kind, _)| *kind);
    let enough = kinds.filter(|kind| points[*kind as usize] >= POINTS_MIN);
    enough
        .max_by_key(|kind| (points[*kind as usize], Reverse(*kind as usize)))
        .unwrap_or(Kind::Other)
}
