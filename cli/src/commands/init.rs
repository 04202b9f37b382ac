//! `init`: a mesh folder with a first product, and the CI that guards its contract.
//!
//! In: a folder, and the names. Out: files that are there to be changed.
//! Holds always: nothing that exists is overwritten; everything is written or nothing.
//!
//! Start reading at [`run`].

use std::path::{Path, PathBuf};

use meshweave_contract::name::{DomainName, ProductName};

use crate::args::Init;
use crate::failure::{self, Outcome};
use crate::output::Output;
use crate::output::units::count;

/// A file of the scaffold: its place, its template, whether it is a script.
const FILES: [(&str, &str, bool); 8] = [
    ("mesh.yaml", include_str!("init/mesh.yaml"), false),
    ("domains/{{domain}}/domain.yaml", include_str!("init/domain.yaml"), false),
    ("contracts/{{domain}}/{{product}}.yaml", include_str!("init/contract.yaml"), false),
    ("ci/check.sh", include_str!("init/check.sh"), true),
    (".github/workflows/contracts.yml", include_str!("init/github.yml"), false),
    (".gitlab-ci.yml", include_str!("init/gitlab.yml"), false),
    (".gitignore", include_str!("init/ignore.txt"), false),
    ("README.md", include_str!("init/readme.md"), false),
];

/// Writes the files that are not there yet.
///
/// # Errors
/// A name that is none; a contract of this name that is already there; a folder that cannot be written.
pub(crate) fn run(args: &Init, output: &Output) -> Outcome {
    let names = Names::of(args)?;
    let planned: Vec<(PathBuf, String, bool)> = FILES
        .iter()
        .map(|(place, template, script)| (args.dir.join(names.fill(place)), names.fill(template), *script))
        .collect();
    let contract = &planned[2].0;
    if contract.exists() {
        let hint = "Name another product with --product, or change that contract.";
        return Err(failure::unusable(contract.display().to_string(), "is there already", hint));
    }
    let missing: Vec<_> = planned.iter().filter(|(path, ..)| !path.exists()).collect();
    let mut written: Vec<&Path> = Vec::new();
    for (path, text, script) in missing {
        if let Err(fault) = write(path, text, *script) {
            // What was made a moment ago is ours to take back.
            written.iter().for_each(|path| drop(std::fs::remove_file(path)));
            return Err(fault);
        }
        written.push(path);
    }
    let lines: String = written.iter().map(|path| format!("  {}\n", path.display())).collect();
    output.print(&format!("{} written\n{lines}", count(written.len() as u64, "file")))?;
    let dir = args.dir.display();
    output.note(&format!(
        "next: describe your columns in {}, then `cd {dir} && meshweave check contracts && meshweave register contracts --as you@{}`",
        contract.display(),
        names.team
    ));
    Ok(())
}

/// What stands in the templates' places.
struct Names {
    mesh: String,
    domain: String,
    product: String,
    team: String,
}

impl Names {
    fn of(args: &Init) -> Outcome<Self> {
        let hint = "A name is letters, digits, `_` and `-`.";
        DomainName::new(&args.domain).map_err(|error| failure::unusable("--domain", error.to_string(), hint))?;
        ProductName::new(&args.domain, &args.product)
            .map_err(|error| failure::unusable("--product", error.to_string(), hint))?;
        let folder = std::path::absolute(&args.dir).ok();
        let folder = folder.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let plain = |name: &String| DomainName::new(name).is_ok();
        Ok(Self {
            mesh: folder.filter(plain).unwrap_or_else(|| "acme".to_owned()),
            domain: args.domain.clone(),
            product: args.product.clone(),
            team: args.team.clone().unwrap_or_else(|| format!("{}-team", args.domain)),
        })
    }

    fn fill(&self, template: &str) -> String {
        let shout = self.domain.to_uppercase().replace('-', "_");
        [
            ("mesh", &self.mesh),
            ("domain", &self.domain),
            ("DOMAIN", &shout),
            ("product", &self.product),
            ("team", &self.team),
        ]
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value))
    }
}

fn write(path: &Path, text: &str, script: bool) -> Outcome {
    let wrong = |error| failure::file(path, "writing the file", error);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(wrong)?;
    }
    std::fs::write(path, text).map_err(wrong)?;
    #[cfg(unix)]
    if script {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).map_err(wrong)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_templates_is_filled() {
        let args =
            Init { dir: "shop".into(), domain: "web-shop".to_owned(), product: "parcels".to_owned(), team: None };
        let names = Names::of(&args).unwrap();
        for (place, template, _) in FILES {
            let text = names.fill(template);
            assert!(!text.contains("{{") && !names.fill(place).contains("{{"), "{place}: {text}");
        }
        assert!(names.fill(FILES[1].1).contains("WEB_SHOP_KEY"));
    }
}
