use crate::{Context, Error, Request, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A database with a grant of the actor. Parameters are written `$1`, `$2` in
/// statements; their values are a tuple, a slice or an array, `()` for none.
/// Bytes are `{"base64": "…"}` in both directions.
pub struct Sql<'c, 'm> {
    context: &'c Context<'m>,
    grant: String,
}

/// A statement and the values of its parameters.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    sql: String,
    args: Value,
}

impl Statement {
    /// A statement with the values of its parameters.
    pub fn new<A: Serialize + ?Sized>(sql: impl Into<String>, args: &A) -> Result<Self> {
        let args = serde_json::to_value(args)?;
        Ok(Statement {
            sql: sql.into(),
            args,
        })
    }
}

/// The answer to a statement.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Rows {
    /// The names of the columns.
    #[serde(default)]
    pub columns: Vec<String>,
    /// The rows, each with a value for every column.
    #[serde(default)]
    pub rows: Vec<Vec<Value>>,
    /// How many rows were changed.
    #[serde(default, rename = "rows_affected")]
    pub affected: u64,
}

impl Rows {
    /// The rows as values with a field for each column.
    pub fn decode<T: DeserializeOwned>(self) -> Result<Vec<T>> {
        let columns = &self.columns;
        let decode = |(i, row): (usize, Vec<Value>)| {
            let fields: Map<String, Value> = columns.iter().cloned().zip(row).collect();
            T::deserialize(Value::Object(fields))
                .map_err(|e| Error::from(e).context(format_args!("decode row {i}")))
        };
        self.rows.into_iter().enumerate().map(decode).collect()
    }
}

impl<'c, 'm> Sql<'c, 'm> {
    pub(crate) fn new(context: &'c Context<'m>, grant: &str) -> Self {
        Sql {
            context,
            grant: grant.to_owned(),
        }
    }

    /// Answers a statement that changes nothing.
    pub fn query<A: Serialize + ?Sized>(&self, sql: &str, args: &A) -> Result<Rows> {
        self.ask("sql.query", &Statement::new(sql, args)?)
    }

    /// Answers a statement that may change the database. It is done once for
    /// the message, however often that is tried.
    pub fn exec<A: Serialize + ?Sized>(&self, sql: &str, args: &A) -> Result<Rows> {
        self.ask("sql.exec", &Statement::new(sql, args)?)
    }

    /// Answers several statements, of which all are done or none.
    pub fn together(&self, statements: &[Statement]) -> Result<Vec<Rows>> {
        #[derive(Serialize)]
        struct Asked<'s> {
            statements: &'s [Statement],
        }
        #[derive(Deserialize)]
        struct Answered {
            results: Vec<Rows>,
        }
        let answered: Answered = self.ask("sql.exec", &Asked { statements })?;
        Ok(answered.results)
    }

    fn ask<Q: Serialize, T: DeserializeOwned>(&self, op: &str, asked: &Q) -> Result<T> {
        let request = Request::new(op).grant(&*self.grant).json(asked)?;
        self.context.do_one(request)?.json()
    }
}
