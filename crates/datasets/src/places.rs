//! Where published datasets lie: our own layout, and those of other programs that fetched them before.

use std::path::{Path, PathBuf};

use crate::cifar::CifarLayout;

/// A file of the IDX format by its published name, gzip or not, below the folder of all data or in it.
pub(crate) fn idx(data: &Path, dataset: &str, name: &str) -> Option<PathBuf> {
    // Some mirrors write `train-images.idx3-ubyte`.
    let dotted = name.replace("-idx", ".idx");
    let names = [format!("{name}.gz"), name.to_owned(), format!("{dotted}.gz"), dotted];
    let places = [data.join(dataset), data.join(torchvision(dataset)).join("raw"), data.to_owned()];
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

/// A file or folder with the dataset in a form that is not read, and the form's name.
pub(crate) fn other_form(data: &Path, dataset: &str) -> Option<(PathBuf, &'static str)> {
    let forms: &[(&str, &str)] = match dataset {
        "mnist" => &[("mnist.npz", "Keras's NumPy form")],
        "cifar10" => &[
            ("cifar-10-batches-py", "the form for Python"),
            ("cifar-10-python.tar.gz", "the form for Python"),
        ],
        "cifar100" => &[
            ("cifar-100-python", "the form for Python"),
            ("cifar-100-python.tar.gz", "the form for Python"),
        ],
        _ => &[],
    };
    let places = [data.to_owned(), data.join(dataset)];
    let found = forms.iter().flat_map(|(name, form)| {
        places.iter().map(|place| (place.join(name), *form)).collect::<Vec<_>>()
    });
    found.into_iter().find(|(path, _)| path.exists())
}
