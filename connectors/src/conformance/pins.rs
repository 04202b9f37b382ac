//! The check of the pinned version: after the pin, old rows or an error, never new ones or a mix.
//!
//! Start reading at [`pinned_version`].

use futures::StreamExt;
use meshweave_engine::connect::AsOf;

use super::checks::{Subject, difference, text};
use super::reading::Reading;
use super::table::{NewTable, facts, facts_changed};
use super::{Fixture, Verdict, ensure};

fn before() -> Result<NewTable, String> {
    facts(6, 40).map_err(|e| e.to_string())
}

fn after() -> Result<NewTable, String> {
    facts_changed(6, 40).map_err(|e| e.to_string())
}

/// Data that changes after the pin: before it is opened, before it is read, and while it is read.
pub(super) async fn pinned_version(fixture: &dyn Fixture) -> Verdict {
    replayed(fixture).await?;
    changed_before_open(fixture).await?;
    changed_before_reading(fixture).await?;
    changed_while_reading(fixture).await
}

/// A recorded version is the same version, and a new pin after a change is another one with the new rows.
async fn replayed(fixture: &dyn Fixture) -> Verdict {
    let connector = fixture.connector();
    let subject = Subject::make(fixture, "replayed", before()?).await?;
    let pinned = connector.pin(&subject.ctx, &subject.port, &AsOf::Latest).await.map_err(|e| e.report())?;
    let recorded = AsOf::Recorded { version: pinned.version.clone(), manifest: pinned.manifest.clone() };
    let again = connector.pin(&subject.ctx, &subject.port, &recorded).await.map_err(|e| e.report())?;
    ensure(again.version == pinned.version, || format!("{:?} was replayed as {:?}", pinned.version, again.version))?;
    old_or_refused(fixture, &subject, &again, false).await?;

    fixture.replace(&subject.port, &after()?).await?;
    let newer = connector.pin(&subject.ctx, &subject.port, &AsOf::Latest).await.map_err(|e| e.report())?;
    ensure(newer.version != pinned.version, || "the version did not change with the data".to_owned())?;
    let reading = subject.read(fixture).await?;
    let given = text(&reading.scan(None, &[], None).await.map_err(super::checks::say)?)?;
    let expected = text(&after()?.batches)?;
    ensure(given == expected, || format!("a new pin: {}", difference(&given, &expected)))
}

async fn changed_before_open(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "before-open", before()?).await?;
    let pinned = fixture.connector().pin(&subject.ctx, &subject.port, &AsOf::Latest).await.map_err(|e| e.report())?;
    fixture.replace(&subject.port, &after()?).await?;
    old_or_refused(fixture, &subject, &pinned, true).await
}

async fn changed_before_reading(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "before-reading", before()?).await?;
    let reading = subject.read(fixture).await?;
    let Ok(plan) = reading.plan(Ok).await else {
        return Err("the table could not be planned over".to_owned());
    };
    fixture.replace(&subject.port, &after()?).await?;
    match datafusion::physical_plan::collect(plan, reading.task()).await {
        Ok(batches) => only_old(&text(&batches)?, "a change before reading"),
        Err(_) => Ok(()),
    }
}

async fn changed_while_reading(fixture: &dyn Fixture) -> Verdict {
    let subject = Subject::make(fixture, "while-reading", before()?).await?;
    let reading = subject.read(fixture).await?;
    let mut stream = reading.stream().await.map_err(super::checks::say)?;
    let mut batches = match stream.next().await {
        Some(Ok(first)) => vec![first],
        _ => return Err("the stream gave no first batch".to_owned()),
    };
    fixture.replace(&subject.port, &after()?).await?;
    while let Some(next) = stream.next().await {
        match next {
            Ok(batch) => batches.push(batch),
            Err(_) => return Ok(()),
        }
    }
    only_old(&text(&batches)?, "a change while reading")
}

/// Reads what was pinned; an error is right only where data `changed`.
async fn old_or_refused(
    fixture: &dyn Fixture,
    subject: &Subject,
    pinned: &meshweave_engine::connect::Pinned,
    changed: bool,
) -> Verdict {
    let connector = fixture.connector();
    let refused = |message: String| if changed { Ok(()) } else { Err(message) };
    let reading = match Reading::of(connector.as_ref(), &subject.ctx, &subject.port, pinned).await {
        Ok(reading) => reading,
        Err(error) => return refused(error.report()),
    };
    match reading.scan(None, &[], None).await {
        Ok(batches) => only_old(&text(&batches)?, "a change before opening"),
        Err(error) => refused(super::checks::say(error)),
    }
}

fn only_old(given: &[String], when: &str) -> Verdict {
    let expected = text(&before()?.batches)?;
    ensure(given == expected, || format!("{when}: {}", difference(given, &expected)))
}
