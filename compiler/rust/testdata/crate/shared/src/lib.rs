//! Another crate beside the actor's.

/// What is left to pay.
pub fn due(total: f64) -> f64 {
    total * 0.9
}
