//! The way to the host: the imports of the ABI, or the host of a test.

#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::*;

#[cfg(target_arch = "wasm32")]
mod wasm {
    mod grow {
        #[link(wasm_import_module = "grow")]
        unsafe extern "C" {
            pub fn call(request: *const u8, len: usize, buffer: *mut u8, capacity: usize) -> usize;
            pub fn answer(buffer: *mut u8, capacity: usize) -> usize;
        }
    }

    // The linker drops what an actor does not use, so these are imports only
    // of actors that ask for the time or for random bytes.
    mod wasi {
        #[link(wasm_import_module = "wasi_snapshot_preview1")]
        unsafe extern "C" {
            pub fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
            pub fn random_get(buffer: *mut u8, len: usize) -> u32;
        }
    }

    /// Hands over a request frame and returns the length of the answer. When
    /// that is more than the buffer holds, nothing has been written and
    /// [`answer`] fetches it.
    pub(crate) fn call(request: &[u8], buffer: &mut [u8]) -> usize {
        // SAFETY: the host reads and writes within the two slices only.
        unsafe {
            grow::call(
                request.as_ptr(),
                request.len(),
                buffer.as_mut_ptr(),
                buffer.len(),
            )
        }
    }

    /// Writes the waiting answer and returns its length, or 0 when none waits
    /// or the buffer is too small.
    pub(crate) fn answer(buffer: &mut [u8]) -> usize {
        // SAFETY: the host writes within the slice only.
        unsafe { grow::answer(buffer.as_mut_ptr(), buffer.len()) }
    }

    /// The message's time, in nanoseconds since 1970.
    pub(crate) fn clock() -> u64 {
        let mut ns = 0;
        // SAFETY: the host writes the one number. Clock 0 is the wall clock, which every host has.
        unsafe { wasi::clock_time_get(0, 1, &mut ns) };
        ns
    }

    /// Fills the buffer from the message's random stream.
    pub(crate) fn random(buffer: &mut [u8]) {
        // SAFETY: the host writes within the slice only.
        let errno = unsafe { wasi::random_get(buffer.as_mut_ptr(), buffer.len()) };
        assert!(errno == 0, "random_get failed with errno {errno}");
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use std::cell::RefCell;
    use std::rc::Rc;

    /// What a test puts in the place of the host.
    pub(crate) trait Native {
        fn call(&self, request: &[u8]) -> Vec<u8>;
        fn clock(&self) -> u64;
        fn random(&self, buffer: &mut [u8]);
    }

    thread_local! {
        static HOST: RefCell<Option<Rc<dyn Native>>> = const { RefCell::new(None) };
        static WAITING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    /// Makes `host` the host of this thread.
    pub(crate) fn install(host: Rc<dyn Native>) {
        HOST.set(Some(host));
    }

    fn host() -> Rc<dyn Native> {
        HOST.with_borrow(Option::clone)
            .expect("an actor that runs natively has no host; use grow::testing")
    }

    pub(crate) fn call(request: &[u8], buffer: &mut [u8]) -> usize {
        let answer = host().call(request);
        let n = answer.len();
        match buffer.get_mut(..n) {
            Some(b) => b.copy_from_slice(&answer),
            None => WAITING.set(answer),
        }
        n
    }

    pub(crate) fn answer(buffer: &mut [u8]) -> usize {
        let answer = WAITING.take();
        match buffer.get_mut(..answer.len()) {
            Some(b) => {
                b.copy_from_slice(&answer);
                answer.len()
            }
            None => {
                WAITING.set(answer);
                0
            }
        }
    }

    pub(crate) fn clock() -> u64 {
        host().clock()
    }

    pub(crate) fn random(buffer: &mut [u8]) {
        host().random(buffer);
    }
}
