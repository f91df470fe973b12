//! What the exports that `actor!` makes do.

use crate::actor::{Actor, handle, start};
use crate::log::Log;
use std::cell::RefCell;
use std::sync::Once;

/// The size in bytes of the largest input there is room for.
const BLOCK_MAX: usize = 64 << 20;

thread_local! {
    /// The room the host writes input to, in words because those are aligned
    /// as the ABI asks.
    static BLOCK: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// `grow_alloc`: room for `len` bytes, or null.
pub fn alloc(len: usize) -> *mut u8 {
    if len > BLOCK_MAX {
        return std::ptr::null_mut();
    }
    BLOCK.with_borrow_mut(|block| {
        let words = len.div_ceil(8).max(1);
        if words > block.len() {
            // Not resized, which would copy what nobody needs any more.
            *block = Vec::new();
            if block.try_reserve_exact(words).is_err() {
                return std::ptr::null_mut();
            }
            block.resize(words, 0);
        }
        block.as_mut_ptr().cast()
    })
}

/// `grow_handle`: the place and the length of the answer frame in one number.
///
/// # Safety
/// `ptr` and `len` must be what the host passes: memory that `alloc` gave out,
/// filled by the host, and left alone until this returns.
pub unsafe fn handle_at(actor: &Actor, ptr: *const u8, len: usize) -> u64 {
    log_panics();
    // SAFETY: the caller promises it.
    let frame = unsafe { std::slice::from_raw_parts(ptr, len) };
    // The answer stays where it is until the next message.
    let answer = handle(actor, frame, |b| (b.as_ptr() as u64, b.len() as u64));
    match answer {
        Ok((_, 0)) => 0,
        Ok((ptr, len)) => ptr << 32 | len,
        Err(e) => {
            Log::new().error(&e);
            abort()
        }
    }
}

/// `grow_init`: 0, or 1 when the instance could not be started.
///
/// # Safety
/// As for [`handle_at`].
pub unsafe fn init_at(actor: &Actor, ptr: *const u8, len: usize) -> u32 {
    log_panics();
    // SAFETY: the caller promises it.
    let frame = unsafe { std::slice::from_raw_parts(ptr, len) };
    match start(actor, frame) {
        Ok(()) => 0,
        Err(e) => {
            Log::new().error(&e);
            1
        }
    }
}

/// Has panics logged with their place and text before they become a trap.
fn log_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| std::panic::set_hook(Box::new(|info| Log::new().error(info))));
}

/// Ends the instance, which is how the host learns that a message failed.
fn abort() -> ! {
    #[cfg(target_arch = "wasm32")]
    core::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}
