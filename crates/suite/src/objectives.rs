//! Every objective's loss and gradients beside its golden file, which double precision made.

use std::path::Path;

use anyhow::Context as _;
use distill_testkit::read_golden;

use crate::{Context, item::Item};

/// GPUs may round an exponential or a logarithm by some units of the last place more than a CPU.
const SLACK: f64 = 10.0;

pub(crate) fn run(context: &Context) -> anyhow::Result<Vec<Item>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../objective/tests/golden");
    let entries = folder.read_dir().with_context(|| folder.display().to_string())?;
    let mut files: Vec<_> =
        entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut items = Vec::new();
    for file in files {
        let name = file.file_stem().context("a file has a name")?.to_string_lossy();
        let name = name.replace('_', "-");
        let cases = read_golden(&file).cases;
        let compared: Vec<_> =
            cases.iter().flat_map(|case| case.compare(&context.device)).collect();
        // What is compared has bounds of its own; the row shows the one nearest to its bound.
        for (what, is_loss) in [("loss", true), ("gradients", false)] {
            let some = compared.iter().filter(|compared| (compared.what == "loss") == is_loss);
            let worst = some.max_by(|a, b| (a.off / a.allowed).total_cmp(&(b.off / b.allowed)));
            let worst = worst.context("a golden file has cases")?;
            let name = format!("{name}, {what}");
            items.push(Item { name, off: worst.off, allowed: SLACK * worst.allowed });
        }
        context.done(&name);
    }
    Ok(items)
}
