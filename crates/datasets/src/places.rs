//! Where published datasets lie: our own layout, and those of other programs that fetched them before.

use std::path::{Path, PathBuf};

use crate::cifar::{CIFAR10, CIFAR100, CifarLayout};

/// A file of the IDX format by its published name, gzip or not, below the folder of all data or in it.
pub(crate) fn idx(data: &Path, dataset: &str, name: &str) -> Option<PathBuf> {
    // Some mirrors write `train-images.idx3-ubyte`.
    let dotted = name.replace("-idx", ".idx");
    let names = [format!("{name}.gz"), name.to_owned(), format!("{dotted}.gz"), dotted];
    let theirs = torchvision(dataset);
    let mut places = vec![
        data.join(dataset),
        data.join(dataset).join("raw"),
        data.join(dataset).join(theirs).join("raw"),
        data.join(theirs).join("raw"),
        data.join(theirs),
    ];
    // Loose files of these names are MNIST's: its successors have the same.
    if dataset == "mnist" {
        places.push(data.to_owned());
    }
    let paths = places.iter().flat_map(|place| names.iter().map(|name| place.join(name)));
    paths.into_iter().find_map(file_of)
}

/// Torchvision's folder of the dataset.
fn torchvision(dataset: &str) -> &str {
    match dataset {
        "mnist" => "MNIST",
        "fashion-mnist" => "FashionMNIST",
        other => other,
    }
}

/// The file itself, or the file in a folder of its name: some mirrors unpack each archive into one.
fn file_of(path: PathBuf) -> Option<PathBuf> {
    let inside = path.file_name().map(|name| path.join(name));
    [Some(path), inside].into_iter().flatten().find(|path| path.is_file())
}

/// The archive of CIFAR or its folder, below the folder of all data or in a folder of the dataset's name.
pub(crate) fn cifar(data: &Path, layout: &CifarLayout) -> Option<PathBuf> {
    let places = [data.to_owned(), data.join(layout.name), data.join(layout.dashed)];
    let folders = places.iter().map(|place| place.join(layout.folder)).filter(|path| path.is_dir());
    let archives = places.iter().map(|place| place.join(layout.archive));
    folders.chain(archives.filter(|path| path.is_file())).next()
}

/// Whether the files of a published dataset are there, in a form that is read.
pub fn is_there(data: &Path, dataset: &str) -> bool {
    match dataset {
        "mnist" | "fashion-mnist" => {
            let names =
                ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
            names.iter().all(|name| idx(data, dataset, &format!("{name}-ubyte")).is_some())
        }
        "cifar10" => cifar(data, &CIFAR10).is_some(),
        "cifar100" => cifar(data, &CIFAR100).is_some(),
        _ => false,
    }
}

/// A file or folder with the dataset in a form that is not read, and what it is.
pub(crate) fn other_form(data: &Path, dataset: &str) -> Option<(PathBuf, &'static str)> {
    const PYTHON: &str = "its form for Python";
    let named: &[(&str, &str)] = match dataset {
        "cifar10" => &[("cifar-10-batches-py", PYTHON), ("cifar-10-python.tar.gz", PYTHON)],
        "cifar100" => &[("cifar-100-python", PYTHON), ("cifar-100-python.tar.gz", PYTHON)],
        _ => &[],
    };
    let places = [data.to_owned(), data.join(dataset), data.join(torchvision(dataset))];
    for place in &places {
        for (name, form) in named {
            let path = place.join(name);
            if path.exists() {
                return Some((path, form));
            }
        }
        let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        let own = paths
            .into_iter()
            .find_map(|path| Some((form_of(&path, dataset, place != data)?, path)));
        if let Some((form, path)) = own {
            return Some((path, form));
        }
    }
    None
}

/// What a file or folder is; in a folder of the dataset's own its name need not say so.
fn form_of(path: &Path, dataset: &str, own_folder: bool) -> Option<&'static str> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let is_own = own_folder || name.replace(['-', '_'], "").starts_with(&dataset.replace('-', ""));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("npz" | "npy") if is_own => Some("NumPy arrays"),
        Some("csv") if is_own => Some("a table of pixels"),
        Some("parquet" | "arrow") if is_own => Some("a table of images"),
        None if own_folder && name == "train" && path.is_dir() => {
            Some("a folder of images: `dataset = \"folder\"` reads it")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_other_programs_fetched_is_found() {
        let names =
            ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"];
        for (dataset, folder, ending) in [
            ("mnist", "mnist", "-ubyte.gz"),
            ("mnist", "MNIST/raw", "-ubyte"),
            ("fashion-mnist", "FashionMNIST/raw", "-ubyte.gz"),
            ("mnist", "", "-ubyte.gz"),
        ] {
            let data = tempfile::tempdir().unwrap();
            fs::create_dir_all(data.path().join(folder)).unwrap();
            assert!(!is_there(data.path(), dataset));
            for name in names {
                fs::write(data.path().join(folder).join(format!("{name}{ending}")), "").unwrap();
            }
            assert!(is_there(data.path(), dataset), "{folder}");
        }
        let data = tempfile::tempdir().unwrap();
        for name in names {
            // Kaggle's: a dot, and a folder around each file.
            let dotted = format!("{}-ubyte", name.replace("-idx", ".idx"));
            fs::create_dir_all(data.path().join("mnist").join(&dotted)).unwrap();
            fs::write(data.path().join("mnist").join(&dotted).join(&dotted), "").unwrap();
        }
        assert!(is_there(data.path(), "mnist"));
        fs::create_dir_all(data.path().join("cifar-10/cifar-10-batches-bin")).unwrap();
        assert!(is_there(data.path(), "cifar10") && !is_there(data.path(), "cifar100"));
    }

    #[test]
    fn other_forms_are_named() {
        for (dataset, path, form) in [
            ("mnist", "mnist.npz", "NumPy arrays"),
            ("mnist", "mnist_train.csv", "a table of pixels"),
            ("fashion-mnist", "fashion-mnist/fashion-mnist_test.csv", "a table of pixels"),
            ("cifar10", "cifar10/plain_text/train.parquet", ""),
            ("cifar10", "cifar10/train.parquet", "a table of images"),
            ("cifar10", "cifar10/train/cat/1.png", "a folder of images"),
            ("cifar10", "cifar-10-batches-py/data_batch_1", "for Python"),
            ("cifar100", "cifar-100-python.tar.gz", "for Python"),
            ("cifar10", "cifar100.npz.txt", ""),
        ] {
            let data = tempfile::tempdir().unwrap();
            let path = data.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            let found = other_form(data.path(), dataset);
            assert_eq!(found.is_some(), !form.is_empty(), "{}", path.display());
            assert!(found.is_none_or(|(_, what)| what.contains(form)), "{}", path.display());
        }
    }
}
