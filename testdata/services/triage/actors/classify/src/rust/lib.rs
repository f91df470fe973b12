//! Actor classify says of issues and pull requests which language they are in,
//! of which kind, how urgent, and what they repeat. The numbers are those of
//! docs/requirements.md.

mod kind;
mod language;
mod messages;
mod sketch;
mod tables;
mod text;
mod urgency;

use grow::{Context, Error, Result};
use messages::{
    Classification, Classified, Config, Get, Listed, Remembered, State, Thread, Unknown,
};
use text::Text;

const LABELS_MAX: usize = 100;

fn classify(ctx: &mut Context, thread: Thread) -> Result {
    if thread.labels.len() > LABELS_MAX {
        let text = format!("{} labels are more than {LABELS_MAX}", thread.labels.len());
        return Err(Error::refuse("thread.labels", text));
    }
    let text = Text::new(&thread.title, &thread.body);
    if text.words().next().is_none() {
        return Err(Error::refuse("thread.empty", "the thread has no words"));
    }
    let config: Config = ctx.config()?;
    let mut state: State = ctx.state().get("")?.unwrap_or_default();
    state.seen += 1;
    let sketch = sketch::of(&text);
    let kind = kind::of(&text, &thread.labels, thread.pull_request);
    let classification = Classification {
        number: thread.number,
        seq: state.seen,
        delivery: thread.delivery,
        pull_request: thread.pull_request,
        language: language::of(&text),
        kind,
        urgency: urgency::of(&text, &thread.labels, kind),
        duplicates: sketch::duplicates(&sketch, thread.number, &state, config.similar),
    };
    log(ctx, &classification);
    let classified = Classified {
        repository: &thread.repository,
        classification: &classification,
    };
    ctx.send("thread.classified", &classified)?;
    remember(
        &mut state,
        Remembered {
            classification,
            sketch,
        },
        config.remember,
    );
    ctx.state().set("", &state)
}

fn remember(state: &mut State, thread: Remembered, most: usize) {
    let number = thread.classification.number;
    state.threads.retain(|t| t.classification.number != number);
    state.threads.push(thread);
    let over = state.threads.len().saturating_sub(most);
    state.threads.drain(..over);
}

fn log(ctx: &Context, c: &Classification) {
    let numbers: Vec<String> = c.duplicates.iter().map(|d| d.number.to_string()).collect();
    ctx.log()
        .field("delivery", &c.delivery)
        .field("seq", c.seq)
        .field("language", word(&c.language))
        .field("kind", word(&c.kind))
        .field("urgency", word(&c.urgency))
        .field("duplicates", numbers.join(" "))
        .info("classified");
}

/// The name of a variant, as messages have it.
fn word(variant: &impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}

fn get(ctx: &mut Context, get: Get) -> Result {
    let repository = &format!("{}/{}", get.owner, get.repo);
    let state: State = ctx.state().get("")?.unwrap_or_default();
    let mut threads = state.threads.iter().map(|t| &t.classification);
    let unknown = Unknown {
        repository,
        number: get.number,
    };
    if let Some(number) = get.number {
        return match threads.find(|c| c.number == number) {
            Some(classification) => ctx.send(
                "classified.found",
                &Classified {
                    repository,
                    classification,
                },
            ),
            None => ctx.send("classified.unknown", &unknown),
        };
    }
    if state.seen == 0 {
        return ctx.send("classified.unknown", &unknown);
    }
    let threads = threads.collect();
    ctx.send(
        "classified.listed",
        &Listed {
            repository,
            seen: state.seen,
            threads,
        },
    )
}

grow::actor! {
    "thread.read" => classify,
    "classified.get" => get,
}
