//! How much of one text is in another (requirements 22 to 24).

use std::collections::BTreeSet;

use crate::messages::{ClassifyStateThread, Duplicate};
use crate::text::Text;

/// Numbers of a sketch, and of those in which two are compared.
const SKETCH_MAX: usize = 48;
const SHINGLE: usize = 3; // words
const WORDS_MIN: usize = 4;
const DUPLICATES_MAX: usize = 5;

pub fn of(text: &Text) -> Vec<i64> {
    let words: Vec<String> = text.words().cloned().collect();
    if words.len() < WORDS_MIN {
        return Vec::new();
    }
    let shingles = words.windows(SHINGLE).map(|three| three.join(" "));
    let numbers: BTreeSet<i64> = shingles.map(|s| mix(crc32(s.as_bytes())).into()).collect();
    numbers.into_iter().take(SKETCH_MAX).collect()
}

/// CRC-32 of ISO 3309, as in zlib.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}

/// The finalizer of MurmurHash3: neighbouring numbers end up far apart.
fn mix(mut h: u32) -> u32 {
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ h >> 16
}

/// The remembered threads that say nearly the same as thread `number`.
pub fn duplicates(
    sketch: &[i64],
    number: i64,
    threads: &[ClassifyStateThread],
    similar: i64,
) -> Vec<Duplicate> {
    let others = threads.iter().filter(|t| t.number != number);
    let mut list: Vec<Duplicate> = others
        .map(|t| Duplicate {
            number: t.number,
            similarity: similarity(sketch, &t.sketch),
        })
        .filter(|d| d.similarity >= similar)
        .collect();
    list.sort_by_key(|d| (std::cmp::Reverse(d.similarity), d.number));
    list.truncate(DUPLICATES_MAX);
    list
}

/// Broder's estimate of the resemblance of two sets, in thousandths.
fn similarity(a: &[i64], b: &[i64]) -> i64 {
    if a.is_empty() || b.is_empty() {
        return 0;
    }
    let all: BTreeSet<i64> = a.iter().chain(b).copied().collect();
    let smallest: Vec<i64> = all.into_iter().take(SKETCH_MAX).collect();
    let both = |n: &&i64| a.binary_search(n).is_ok() && b.binary_search(n).is_ok();
    1000 * smallest.iter().filter(both).count() as i64 / smallest.len() as i64
}
