use crate::{Context, Request, Result};
use serde::Deserialize;

/// Documents of the actor's revision with a grant, to read. Paths are below
/// the service's folder, with `/` between names.
pub struct Files<'c, 'm> {
    context: &'c Context<'m>,
    grant: String,
}

/// One of a folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Its name in the folder.
    pub name: String,
    /// In bytes; 0 of a folder.
    pub size: u64,
    /// It is a folder.
    pub folder: bool,
}

impl<'m> Context<'m> {
    /// The documents that the grant covers.
    pub fn files(&self, grant: &str) -> Files<'_, 'm> {
        Files {
            context: self,
            grant: grant.to_owned(),
        }
    }
}

impl Files<'_, '_> {
    fn request(&self, op: &str, path: &str) -> Request {
        Request::new(op).grant(&*self.grant).attr("path", path)
    }

    /// The bytes of a file.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let answer = self.context.do_one(self.request("files.read", path))?;
        Ok(answer.data().to_vec())
    }

    /// What is in a folder, by name.
    pub fn list(&self, path: &str) -> Result<Vec<File>> {
        self.context
            .do_one(self.request("files.list", path))?
            .json()
    }
}
