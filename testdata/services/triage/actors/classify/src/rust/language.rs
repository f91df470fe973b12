//! The language of a text (requirements 9 to 12).

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::messages::Language;
use crate::tables::{MARKS, STOP_WORDS, TRIGRAMS};
use crate::text::{self, Text};

/// The least that a text must have, in signs and in points.
const SIGNS_MIN: usize = 20;
const POINTS_MIN: u32 = 60;

/// What a word, a trigram and a mark share among the languages that have them.
const STOP_WORD: u32 = 60;
const TRIGRAM: u32 = 12;
const MARK: u32 = 30;

#[derive(Default)]
struct Scripts {
    latin: usize,
    cyrillic: usize,
    foreign: usize, // of cyrillic, what Russian does not have
    han: usize,
    kana: usize,
    hangul: usize,
}

impl Scripts {
    fn count(&mut self, c: char) {
        if text::is_latin(c) {
            self.latin += 1;
        } else if text::is_cyrillic(c) {
            self.cyrillic += 1;
            self.foreign += usize::from(c > '\u{44f}' && c != '\u{451}');
        } else if text::is_han(c) {
            self.han += 1;
        } else if text::is_kana(c) {
            self.kana += 1;
        } else if text::is_hangul(c) {
            self.hangul += 1;
        }
    }
}

pub fn of(text: &Text) -> Language {
    let mut s = Scripts::default();
    text.words()
        .flat_map(|w| w.chars())
        .for_each(|c| s.count(c));
    let (chinese, korean) = (3 * (s.han + s.kana), 3 * s.hangul);
    if s.latin + s.cyrillic + chinese + korean < SIGNS_MIN {
        return Language::Und;
    }
    let most = s.latin.max(s.cyrillic).max(chinese).max(korean);
    if s.latin == most {
        latin(text)
    } else if s.cyrillic == most {
        if 50 * s.foreign > s.cyrillic {
            Language::Und
        } else {
            Language::Ru
        }
    } else if chinese == most {
        if 10 * s.kana >= s.han + s.kana {
            Language::Ja
        } else {
            Language::Zh
        }
    } else {
        Language::Ko
    }
}

/// Points of the languages of STOP_WORDS, in its order.
type Points = [u32; STOP_WORDS.len()];

/// What each word, trigram or mark gives to which language.
struct Profiles {
    words: HashMap<&'static str, Points>,
    trigrams: HashMap<&'static str, Points>,
    marks: HashMap<&'static str, Points>,
}

static PROFILES: LazyLock<Profiles> = LazyLock::new(|| Profiles {
    words: shares(&STOP_WORDS, STOP_WORD),
    trigrams: shares(&TRIGRAMS, TRIGRAM),
    marks: shares(&MARKS, MARK),
});

fn shares(table: &[(Language, &'static str)], whole: u32) -> HashMap<&'static str, Points> {
    let mut shares = HashMap::<_, Points>::new();
    for (language, entries) in table {
        let Some(at) = STOP_WORDS.iter().position(|(l, _)| l == language) else {
            continue;
        };
        for entry in entries.split(", ") {
            shares.entry(entry).or_default()[at] = 1;
        }
    }
    for points in shares.values_mut() {
        let share = whole / points.iter().sum::<u32>();
        points.iter_mut().for_each(|p| *p *= share);
    }
    shares
}

fn latin(text: &Text) -> Language {
    let mut points = Points::default();
    let mut add = |more: Option<&Points>| {
        for (sum, more) in points.iter_mut().zip(more.into_iter().flatten()) {
            *sum += more;
        }
    };
    for word in text.words() {
        add(PROFILES.words.get(word.as_str()));
        let padded = format!("_{word}_");
        let mut starts: Vec<usize> = padded.char_indices().map(|(at, _)| at).collect();
        starts.push(padded.len());
        for three in starts.windows(4) {
            add(PROFILES.trigrams.get(&padded[three[0]..three[3]]));
        }
        for letter in starts.windows(2) {
            add(PROFILES.marks.get(&padded[letter[0]..letter[1]]));
        }
    }
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(points[*at]));
    let (best, next) = (points[order[0]], points[order[1]]);
    if best < POINTS_MIN || 10 * best < 11 * next {
        return Language::Und;
    }
    STOP_WORDS[order[0]].0
}
