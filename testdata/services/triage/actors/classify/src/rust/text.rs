//! What is read of a text, and its words (requirements 6 to 8).

use std::collections::HashMap;

const TITLE_SIGNS_MAX: usize = 300;
const BODY_SIGNS_MAX: usize = 16_000;

/// Text is a thread's title and body, and what is read of them.
pub struct Text {
    pub title: String,
    /// The signs of the body that count, before anything is left out.
    pub raw: String,
    pub body: String,
    pub title_words: Vec<String>,
    pub body_words: Vec<String>,
}

impl Text {
    pub fn new(title: &str, body: &str) -> Text {
        let title = lines(&cut(title, TITLE_SIGNS_MAX));
        let raw = cut(body, BODY_SIGNS_MAX);
        let body = prose(&lines(&raw));
        Text {
            title_words: words(&title),
            body_words: words(&body),
            title,
            raw,
            body,
        }
    }

    /// The words of title and body.
    pub fn words(&self) -> impl Iterator<Item = &String> + Clone {
        self.title_words.iter().chain(&self.body_words)
    }
}

fn cut(text: &str, signs: usize) -> String {
    text.chars().take(signs).collect()
}

fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Leaves out what is not prose.
fn prose(body: &str) -> String {
    let body = without(body, "<!--", |rest| {
        rest.find("-->").map_or(Some(rest.len()), |at| Some(at + 3))
    });
    let body = without_code(&body);
    let body = without(&body, "`", |rest| {
        let end = rest.find(['`', '\n'])?;
        rest[end..].starts_with('`').then_some(end + 1)
    });
    without(&body, "http", |rest| {
        let address = rest.strip_prefix('s').unwrap_or(rest).strip_prefix("://")?;
        let end = address.find([' ', '\t', '\n', ')', '>', '"']);
        Some(rest.len() - address.len() + end.unwrap_or(address.len()))
    })
}

/// Puts a space in place of each passage that begins with `open`. `end` says
/// how many bytes behind `open` belong to it; None: it is no passage.
fn without(text: &str, open: &str, end: impl Fn(&str) -> Option<usize>) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(open) {
        let behind = &rest[at + open.len()..];
        match end(behind) {
            Some(n) => {
                out.push_str(&rest[..at]);
                out.push(' ');
                rest = &behind[n..];
            }
            None => {
                out.push_str(&rest[..at + open.len()]);
                rest = behind;
            }
        }
    }
    out + rest
}

/// Leaves out the lines of code and of quotations.
fn without_code(text: &str) -> String {
    let (mut out, mut fence) = (Vec::new(), None);
    for line in text.split('\n') {
        let begin = line.trim_start_matches(' ');
        let mark = ["```", "~~~"].into_iter().find(|m| begin.starts_with(m));
        match (fence, mark) {
            (None, Some(_)) => fence = mark,
            (Some(open), Some(close)) if open == close => fence = None,
            (Some(_), _) => {}
            (None, None) if begin.starts_with('>') => {}
            (None, None) => out.push(line),
        }
    }
    out.join("\n")
}

fn fold(c: char) -> char {
    let further = match c {
        '\u{d7}' => 0,
        'A'..='Z' | '\u{c0}'..='\u{de}' | '\u{410}'..='\u{42f}' => 32,
        '\u{400}'..='\u{40f}' => 80,
        _ => 0,
    };
    char::from_u32(c as u32 + further).unwrap_or(c)
}

pub fn is_latin(c: char) -> bool {
    matches!(c, 'a'..='z' | '\u{df}'..='\u{17f}') && c != '\u{f7}'
}

pub fn is_cyrillic(c: char) -> bool {
    matches!(c, '\u{430}'..='\u{45f}')
}

pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
}

pub fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fc}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}')
}

pub fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}')
}

/// The folded words of a text.
pub fn words(text: &str) -> Vec<String> {
    let (mut list, mut word) = (Vec::new(), String::new());
    for c in text.chars().map(fold) {
        if is_latin(c) || is_cyrillic(c) || c.is_ascii_digit() {
            word.push(c);
            continue;
        }
        if matches!(c, '\u{300}'..='\u{36f}') {
            continue;
        }
        if !word.is_empty() {
            list.push(std::mem::take(&mut word));
        }
        if is_han(c) || is_kana(c) || is_hangul(c) {
            list.push(c.to_string());
        }
    }
    if !word.is_empty() {
        list.push(word);
    }
    list
}

/// Letters of a title, and how many of them are capitals (requirement 20).
pub fn capitals(title: &str) -> (usize, usize) {
    let is_capital = |c: &char| fold(*c) != *c;
    let is_small = |c: &char| {
        matches!(c, 'a'..='z' | '\u{e0}'..='\u{fe}' | '\u{430}'..='\u{45f}') && *c != '\u{f7}'
    };
    let capitals = title.chars().filter(is_capital).count();
    (capitals + title.chars().filter(is_small).count(), capitals)
}

/// Entries of a table, found by their first words. Each belongs to a `T`.
pub struct Entries<T> {
    by_first: HashMap<String, Vec<(Vec<String>, usize)>>,
    of: Vec<T>,
}

impl<T: Copy> Entries<T> {
    /// Reads a table: what the entries belong to, and the entries, separated
    /// by commas.
    pub fn new(table: &[(T, &str)]) -> Self {
        let (mut by_first, mut of) = (HashMap::<String, Vec<_>>::new(), Vec::new());
        for (owner, entries) in table {
            for entry in entries.split(", ") {
                let mut entry = words(entry);
                let rest = entry.split_off(1);
                let first = by_first.entry(entry.swap_remove(0)).or_default();
                first.push((rest, of.len()));
                of.push(*owner);
            }
        }
        Entries { by_first, of }
    }

    /// What an entry belongs to.
    pub fn owner(&self, entry: usize) -> T {
        self.of[entry]
    }

    /// The entries that occur in `words`, and where they begin.
    pub fn find<'a>(&'a self, words: &'a [String]) -> impl Iterator<Item = (usize, usize)> + 'a {
        words.iter().enumerate().flat_map(move |(at, word)| {
            let begun = self.by_first.get(word).into_iter().flatten();
            begun
                .filter(move |(rest, _)| words[at + 1..].starts_with(rest))
                .map(move |(_, entry)| (*entry, at))
        })
    }
}
