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
    ClassifiedFound, ClassifiedGet, ClassifiedListed, ClassifiedListedThread, ClassifiedUnknown,
    ClassifyState, ClassifyStateThread, Config, ThreadClassified, ThreadRead,
};
use text::Text;

const LABELS_MAX: usize = 100;

fn classify(ctx: &mut Context, read: ThreadRead) -> Result {
    if read.labels.len() > LABELS_MAX {
        let text = format!("{} labels are more than {LABELS_MAX}", read.labels.len());
        return Err(Error::refuse("thread.labels", text));
    }
    let text = Text::new(&read.title, &read.body);
    if text.words().next().is_none() {
        return Err(Error::refuse("thread.empty", "the thread has no words"));
    }
    let config: Config = ctx.config()?;
    let mut state = state(ctx)?;
    state.seen += 1;
    let sketch = sketch::of(&text);
    let kind = kind::of(&text, &read.labels, read.pull_request);
    let thread = ClassifyStateThread {
        number: read.number,
        seq: state.seen,
        delivery: read.delivery,
        pull_request: read.pull_request,
        language: language::of(&text),
        kind,
        urgency: urgency::of(&text, &read.labels, kind),
        duplicates: sketch::duplicates(&sketch, read.number, &state.threads, config.similar),
        sketch,
    };
    log(ctx, &thread);
    state.threads.retain(|t| t.number != thread.number);
    state.threads.push(thread.clone());
    let over = state.threads.len().saturating_sub(config.remember as usize);
    state.threads.drain(..over);
    ctx.state().set("", &state)?;
    let ClassifyStateThread {
        number,
        seq,
        delivery,
        pull_request,
        language,
        kind,
        urgency,
        duplicates,
        ..
    } = thread;
    let repository = read.repository;
    ctx.send(
        ThreadClassified::TYPE,
        &ThreadClassified {
            repository,
            number,
            seq,
            delivery,
            pull_request,
            language,
            kind,
            urgency,
            duplicates,
        },
    )
}

fn state(ctx: &Context) -> Result<ClassifyState> {
    let state = ctx.state().get("")?;
    Ok(state.unwrap_or(ClassifyState {
        seen: 0,
        threads: Vec::new(),
    }))
}

fn log(ctx: &Context, thread: &ClassifyStateThread) {
    let numbers: Vec<String> = thread
        .duplicates
        .iter()
        .map(|d| d.number.to_string())
        .collect();
    ctx.log()
        .field("delivery", &thread.delivery)
        .field("seq", thread.seq)
        .field("language", word(&thread.language))
        .field("kind", word(&thread.kind))
        .field("urgency", word(&thread.urgency))
        .field("duplicates", numbers.join(" "))
        .info("classified");
}

/// The name of a variant, as messages have it.
fn word(variant: &impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_lowercase()
}

fn get(ctx: &mut Context, get: ClassifiedGet) -> Result {
    let repository = format!("{}/{}", get.owner, get.repo);
    let ClassifyState { seen, threads } = state(ctx)?;
    let number = get.number;
    let mut threads = threads.into_iter();
    if number.is_none() && seen > 0 {
        let threads = threads.map(listed).collect();
        return ctx.send(
            ClassifiedListed::TYPE,
            &ClassifiedListed {
                repository,
                seen,
                threads,
            },
        );
    }
    match threads.find(|t| Some(t.number) == number) {
        Some(thread) => ctx.send(ClassifiedFound::TYPE, &found(repository, thread)),
        None => ctx.send(
            ClassifiedUnknown::TYPE,
            &ClassifiedUnknown { repository, number },
        ),
    }
}

fn found(repository: String, thread: ClassifyStateThread) -> ClassifiedFound {
    let ClassifyStateThread {
        number,
        seq,
        delivery,
        pull_request,
        language,
        kind,
        urgency,
        duplicates,
        ..
    } = thread;
    ClassifiedFound {
        repository,
        number,
        seq,
        delivery,
        pull_request,
        language,
        kind,
        urgency,
        duplicates,
    }
}

fn listed(thread: ClassifyStateThread) -> ClassifiedListedThread {
    let ClassifyStateThread {
        number,
        seq,
        delivery,
        pull_request,
        language,
        kind,
        urgency,
        duplicates,
        ..
    } = thread;
    ClassifiedListedThread {
        number,
        seq,
        delivery,
        pull_request,
        language,
        kind,
        urgency,
        duplicates,
    }
}

grow::actor! {
    "thread.read" => classify,
    "classified.get" => get,
}
