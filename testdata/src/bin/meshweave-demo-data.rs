//! Writes the demo's mesh into a folder, without registering anything.
//!
//! `meshweave-demo-data DIR [--scale SF] [--orders N] [--files N] [--no-delta]`; `--scale 0` and `--orders 0` leave that part out.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use meshweave_testdata::demo::{self, Options};

/// What was asked for on the command line.
fn parse(mut words: impl Iterator<Item = String>) -> Result<(PathBuf, Options), String> {
    let (mut dir, mut options) = (None, Options::default());
    while let Some(word) = words.next() {
        let mut value = |what: &str| words.next().ok_or_else(|| format!("{word} needs {what}"));
        match word.as_str() {
            "--scale" => options.scale = Some(number::<f64>(&value("a scale factor")?)?).filter(|scale| *scale != 0.0),
            "--orders" => {
                options.orders = Some(number::<u64>(&value("a number of orders")?)?).filter(|orders| *orders > 0)
            }
            "--files" => options.files_per_table = number(&value("a number of files")?)?,
            "--no-delta" => options.delta = false,
            other if other.starts_with('-') => return Err(format!("there is no option {other}")),
            folder => dir = Some(PathBuf::from(folder)),
        }
    }
    Ok((dir.ok_or("name the folder to write")?, options))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number"))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match parse(std::env::args().skip(1)) {
        Ok((dir, options)) => demo::write_mesh(&dir, &options).await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    match done {
        Ok(mesh) => {
            let text = format!("{}: {} contracts to register\n", mesh.dir.display(), mesh.contracts.len());
            // Nobody who closed the pipe wants to hear of it.
            let _closed = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _closed = std::io::stderr().write_all(format!("error: {error}\n").as_bytes());
            ExitCode::from(2)
        }
    }
}
