use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Context, Request, Result};

impl Context<'_> {
    /// Asks the service or the actor of a grant for an operation: the request
    /// goes as JSON, and the answer is decoded from it. An operation that changes
    /// something does it once for the message that is handled, however often that
    /// is tried.
    pub fn ask<T: DeserializeOwned>(
        &self,
        grant: &str,
        operation: &str,
        request: &(impl Serialize + ?Sized),
    ) -> Result<T> {
        let request = Request::new(operation).grant(grant).json(request)?;
        self.do_one(request)?.json()
    }
}
