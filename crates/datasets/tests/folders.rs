//! Folders of images as people have them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, sync::Arc};

use distill_datasets::{
    DataError, FolderConfig, ImageShape, ImageTransform, LoadConfig,
    folder::{ImageFolder, Splits, Take, Unreadable, list_images, read_folder, read_image},
    load,
    transform::{ExifOrientation, SixteenBit},
};
use image::{ImageFormat, Rgb, RgbImage};

const SHAPE: ImageShape = ImageShape { channels: 3, height: 4, width: 4 };

fn save(path: &Path, colour: [u8; 3], size: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(size, size, Rgb(colour)).save(path).unwrap();
}

fn folder_of(splits: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for split in splits {
        for (class, colour) in [("cat", [200, 10, 10]), ("dog", [10, 10, 200])] {
            let folder = root.path().join(split).join(class);
            save(&folder.join("a.png"), colour, 4);
            save(&folder.join("b.jpg"), colour, 9);
        }
    }
    root
}

fn folder() -> tempfile::TempDir {
    folder_of(&["train", "test"])
}

fn read(root: &Path, config: &FolderConfig) -> Result<ImageFolder, DataError> {
    read_folder(root, config, &mut |_| {})
}

fn plain(root: &Path) -> ImageFolder {
    read(root, &FolderConfig::new(SHAPE)).unwrap()
}

fn error(root: &Path, config: &FolderConfig) -> String {
    read(root, config).unwrap_err().to_string()
}

#[test]
fn images_of_any_size_are_read_interleaved_by_class() {
    let root = folder();
    let read_rgb = plain(root.path());
    assert_eq!(read_rgb.classes, ["cat", "dog"]);
    assert_eq!(read_rgb.train.labels(), [0, 1, 0, 1]);
    assert_eq!(read_rgb.train.image(0), [[200; 16], [10; 16], [10; 16]].concat());
    assert!(read_rgb.train.image(2)[..16].iter().all(|red| red.abs_diff(200) < 6), "a JPEG");
    assert_eq!(read_rgb.summary.sizes, [([4, 4], 4), ([9, 9], 4)].into());
    let grey = FolderConfig::new(ImageShape { channels: 1, ..SHAPE });
    // Rec. 601 of (200, 10, 10) and of (10, 10, 200), as Pillow's `convert("L")` says.
    let grey = read(root.path(), &grey).unwrap();
    assert_eq!(grey.test.image(0), [67; 16]);
    assert_eq!(grey.test.image(1), [32; 16]);
}

#[test]
fn any_end_of_an_unbalanced_split_holds_its_proportions() {
    let root = folder();
    for extra in 0..16 {
        let image = image::GrayImage::from_pixel(4, 4, [9].into());
        image.save(root.path().join(format!("train/cat/c{extra:02}.png"))).unwrap();
    }
    let labels = plain(root.path()).train.labels().to_vec();
    assert_eq!(labels.len(), 20);
    for end in [&labels[..10], &labels[10..]] {
        assert_eq!(end.iter().filter(|label| **label == 1).count(), 1, "{labels:?}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let config = FolderConfig::new(SHAPE);
    let root = folder();
    fs::write(root.path().join("train/cat/a.png"), b"\x89PNG\r\n\x1a\nrest").unwrap();
    assert!(error(root.path(), &config).contains("train/cat/a.png: an image that does not decode"));

    let root = folder();
    fs::create_dir(root.path().join("train/emu")).unwrap();
    assert!(error(root.path(), &config).contains("train/emu: no images"));

    let root = folder();
    fs::rename(root.path().join("test/dog"), root.path().join("test/fox")).unwrap();
    assert!(error(root.path(), &config).contains("a class that `train` does not have"));

    let root = folder();
    fs::remove_dir_all(root.path().join("train/dog")).unwrap();
    assert!(error(root.path(), &config).contains("1 class folders"));
    fs::remove_dir_all(root.path().join("test")).unwrap();
    fs::create_dir(root.path().join("train/dog")).unwrap();
    assert!(error(root.path(), &config).contains("test"));
}

#[test]
fn every_usual_kind_of_image_is_read_whatever_its_ending_says() {
    let root = folder();
    let cat = root.path().join("train/cat");
    for (ending, format) in [
        ("webp", ImageFormat::WebP),
        ("bmp", ImageFormat::Bmp),
        ("TIF", ImageFormat::Tiff),
        ("tiff", ImageFormat::Tiff),
        ("gif", ImageFormat::Gif),
        ("ppm", ImageFormat::Pnm),
        ("jfif", ImageFormat::Jpeg),
        ("JPEG", ImageFormat::Png),
    ] {
        let image = RgbImage::from_pixel(5, 5, Rgb([200, 10, 10]));
        image.save_with_format(cat.join(format!("of.{ending}")), format).unwrap();
    }
    for name in ["x.heic", "y.avif", "z.heic", "labels.csv"] {
        fs::write(cat.join(name), "no image").unwrap();
    }
    let read = plain(root.path());
    assert_eq!(read.train.len(), 12);
    for index in 0..12 {
        let red = read.train.image(index)[0];
        let expected = if read.train.label(index) == 0 { 200 } else { 10 };
        assert!(red.abs_diff(expected) < 6, "{index}: {red}");
    }
    let left_out = [("avif", 1), ("csv", 1), ("heic", 2)].map(|(e, n)| (e.to_owned(), n));
    assert_eq!(read.summary.left_out, left_out.into());
}

#[test]
fn what_systems_leave_behind_is_skipped_and_deeper_folders_are_read() {
    let root = folder();
    for name in ["train/cat/._a.png", "train/cat/.DS_Store", "train/dog/Thumbs.db"] {
        fs::write(root.path().join(name), "Mac OS X").unwrap();
    }
    save(&root.path().join("__MACOSX/train/cat/a.png"), [1, 1, 1], 4);
    save(&root.path().join("train/__MACOSX/a.png"), [1, 1, 1], 4);
    save(&root.path().join("train/.ipynb_checkpoints/a.png"), [1, 1, 1], 4);
    save(&root.path().join("train/cat/camera-2/may/a.png"), [200, 10, 10], 4);
    save(&root.path().join("train/cat/camera-2/may/.hidden/a.png"), [200, 10, 10], 4);
    let read = plain(root.path());
    assert_eq!((read.classes.len(), read.train.len()), (2, 5));
    assert!(read.summary.left_out.is_empty());
    let (images, left_out) = list_images(&root.path().join("train/cat")).unwrap();
    assert_eq!((images.len(), left_out.len()), (3, 0));
}

#[test]
fn the_usual_layouts_are_found() {
    for (splits, validation) in [
        (&["train", "val"][..], None),
        (&["Training", "Testing"], None),
        (&["train", "valid", "test"], Some(4)),
        (&["train", "validation", "test"], Some(4)),
        (&["train", "dev"], None),
    ] {
        let root = folder_of(splits);
        let read = plain(root.path());
        assert_eq!((read.train.len(), read.test.len()), (4, 4), "{splits:?}");
        assert_eq!(read.validation.map(|set| set.len()), validation, "{splits:?}");
    }
    // Test images of a competition have no classes.
    let root = folder_of(&["train", "val"]);
    save(&root.path().join("test/0001.png"), [1, 2, 3], 4);
    assert_eq!(plain(root.path()).summary.folders[2], Some("val".into()));

    let root = folder_of(&["photos/train", "photos/test"]);
    let message = error(root.path(), &FolderConfig::new(SHAPE));
    assert!(
        message.contains("photos` , which") || message.contains("photos`, which has `train`"),
        "{message}"
    );
}

#[test]
fn names_as_they_are_written_come_first_and_other_folders_are_told() {
    let root = folder_of(&["train", "test", "TEST", "Train", "valid", "val", "extra"]);
    fs::remove_file(root.path().join("TEST/cat/a.png")).unwrap();
    fs::remove_file(root.path().join("Train/cat/a.png")).unwrap();
    let read = plain(root.path());
    assert_eq!((read.train.len(), read.test.len()), (4, 4));
    assert_eq!(read.summary.folders[1], Some("val".into()));
    let notes = read.summary.notes().join("\n");
    for name in ["TEST", "Train", "valid", "extra"] {
        assert!(notes.contains(&format!("`{name}`")), "{notes}");
    }
    // Tiny ImageNet as it is published: test images without classes.
    let root = folder_of(&["train", "val"]);
    save(&root.path().join("test/images/test_0.png"), [1, 2, 3], 4);
    let read = plain(root.path());
    assert_eq!((read.test.len(), read.summary.folders[2].clone()), (4, Some("val".into())));
    assert_eq!(read.summary.unused, [root.path().join("test")]);
    // Images beside the class folders are of no class.
    save(&root.path().join("train/stray.png"), [1, 2, 3], 4);
    let left_out = plain(root.path()).summary.left_out;
    assert_eq!(
        left_out.into_iter().collect::<Vec<_>>(),
        [("png beside class folders".to_owned(), 1)]
    );
}

#[test]
fn splits_are_no_classes_and_test_images_do_not_select_the_epoch() {
    for extra in ["test", "val", "Validation"] {
        let root = folder_of(&[""]);
        save(&root.path().join(extra).join("a.png"), [1, 2, 3], 4);
        let config = FolderConfig { split: Some(0.5), ..FolderConfig::new(SHAPE) };
        assert!(error(root.path(), &config).contains("a folder of a split"), "{extra}");
    }
    let root = folder();
    for name in ["test", "train", ""] {
        let config = FolderConfig { validation: Some(name.into()), ..FolderConfig::new(SHAPE) };
        assert!(error(root.path(), &config).contains("`data.validation`"), "{name}");
    }
    // Test images of one class alone: the network knows the others.
    fs::remove_dir_all(root.path().join("test/dog")).unwrap();
    fs::remove_dir_all(root.path().join("train")).unwrap();
    let config = FolderConfig { splits: Splits::Test, ..FolderConfig::new(SHAPE) };
    assert_eq!(read(root.path(), &config).unwrap().classes, ["cat"]);
}

#[test]
fn validation_images_have_a_folder_of_any_name() {
    let root = folder_of(&["train", "held", "test"]);
    let config = FolderConfig { validation: Some("held".into()), ..FolderConfig::new(SHAPE) };
    assert_eq!(read(root.path(), &config).unwrap().validation.map(|set| set.len()), Some(4));
    let config = FolderConfig { validation: Some("nowhere".into()), ..FolderConfig::new(SHAPE) };
    assert!(error(root.path(), &config).contains("data.validation"));
    // The same folder cannot be both.
    let root = folder_of(&["train", "val"]);
    let config = FolderConfig { validation: Some("val".into()), ..FolderConfig::new(SHAPE) };
    assert!(error(root.path(), &config).contains("test/CLASS"));
}

#[test]
fn a_share_becomes_the_test_split_where_no_folder_has_one() {
    for splits in [&[""][..], &["train"]] {
        let root = folder_of(splits);
        let config = FolderConfig::new(SHAPE);
        assert!(error(root.path(), &config).contains("data.split = 0.2"));
        let config = FolderConfig { split: Some(0.5), ..config };
        let read = read(root.path(), &config).unwrap();
        assert_eq!((read.train.labels(), read.test.labels()), (&[0, 1][..], &[0, 1][..]));
        let config = FolderConfig { split: Some(0.01), ..config };
        assert!(error(root.path(), &config).contains("data.split"));
    }
    let config = FolderConfig { split: Some(0.5), ..FolderConfig::new(SHAPE) };
    assert!(error(folder().path(), &config).contains("left out"));
}

#[test]
fn tiny_imagenets_list_gives_the_classes_of_its_validation_images() {
    let root = folder_of(&["train"]);
    for (name, colour) in [("val_0.png", [10, 10, 200]), ("val_1.png", [200, 10, 10])] {
        save(&root.path().join("val/images").join(name), colour, 4);
    }
    let list = root.path().join("val/val_annotations.txt");
    fs::write(&list, "val_0.png\tdog\t0\t0\t3\t3\nval_1.png\tcat\t0\t0\t3\t3\n").unwrap();
    let read = plain(root.path());
    assert_eq!(read.test.labels(), [0, 1]);
    assert_eq!([read.test.image(0)[0], read.test.image(1)[0]], [200, 10]);
    save(&root.path().join("val/images/val_2.png"), [1, 2, 3], 4);
    assert_eq!(plain(root.path()).summary.left_out.values().sum::<usize>(), 1);
    fs::write(&list, "val_0.png\tdog\nval_0.png\tdog\n").unwrap();
    assert!(error(root.path(), &FolderConfig::new(SHAPE)).contains("line 2 is"));
    fs::write(&list, "val_0.png\temu\n").unwrap();
    assert!(error(root.path(), &FolderConfig::new(SHAPE)).contains("line 1 is `val_0.png\temu`"));
}

#[test]
fn test_images_alone_are_enough_where_nothing_else_is_asked_for() {
    let config = FolderConfig { splits: Splits::Test, ..FolderConfig::new(SHAPE) };
    for splits in [&["test"][..], &["val"], &["", "ignored/deeper"], &["train", "test"]] {
        let root = folder_of(splits);
        if splits.len() == 2 && splits[0].is_empty() {
            fs::remove_dir_all(root.path().join("ignored")).unwrap();
        }
        let read = read(root.path(), &config).unwrap();
        assert_eq!((read.train.len(), read.test.len(), read.files.len()), (0, 4, 4), "{splits:?}");
    }
}

#[test]
fn every_broken_file_is_named_at_once_or_left_out() {
    let root = folder();
    for broken in 0..3 {
        fs::write(root.path().join(format!("train/cat/broken{broken}.jpg")), "no image").unwrap();
    }
    let whole = fs::read(root.path().join("train/dog/b.jpg")).unwrap();
    for (name, share) in [("half.jpg", 2), ("most.jpg", 1)] {
        let cut = &whole[..whole.len() * share / 2 - 20 * (share - 1)];
        fs::write(root.path().join("test/dog").join(name), cut).unwrap();
    }
    let config = FolderConfig::new(SHAPE);
    let message = error(root.path(), &config);
    for name in ["broken0", "broken1", "broken2", "half", "most", "unreadable = \"skip\""] {
        assert!(message.contains(name), "{name}: {message}");
    }
    let config = FolderConfig { unreadable: Unreadable::Skip, ..config };
    let read = read(root.path(), &config).unwrap();
    assert_eq!((read.train.len(), read.test.len(), read.available), (4, 4, 4));
    assert_eq!(read.summary.unreadable.len(), 5);
    for name in ["a.png", "b.jpg"] {
        fs::write(root.path().join("train/cat").join(name), "no image").unwrap();
    }
    assert!(error(root.path(), &config).contains("too few images"));
}

#[test]
fn no_more_is_decoded_than_is_used_or_than_the_memory_holds() {
    let root = folder();
    for extra in 0..16 {
        save(&root.path().join(format!("train/cat/c{extra:02}.png")), [9, 9, 9], 4);
    }
    let take = Take { train: Some(3), validation: Some(2), test: Some(1) };
    let config = FolderConfig { take, ..FolderConfig::new(SHAPE) };
    let some = read(root.path(), &config).unwrap();
    assert_eq!((some.train.len(), some.test.len(), some.files.len()), (5, 1, 6));
    assert_eq!(some.available, 20);
    let all = plain(root.path());
    assert_eq!(some.train.image(0), all.train.image(0));
    assert_eq!(some.train.image(4), all.train.image(19));

    let config =
        FolderConfig { free_memory: Some((64 << 20) + 24 * 48 - 1), ..FolderConfig::new(SHAPE) };
    let message = error(root.path(), &config);
    assert!(message.contains("24 images take 67 MB of memory"), "{message}");
    let config =
        FolderConfig { free_memory: Some((64 << 20) + 24 * 48), ..FolderConfig::new(SHAPE) };
    assert!(read(root.path(), &config).is_ok());
}

#[test]
fn orientation_and_depth_are_a_choice() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("grey.png");
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_vec(2, 1, vec![200, 65_535]);
    deep.unwrap().save(&path).unwrap();
    let shape = ImageShape { channels: 1, height: 1, width: 2 };
    let scaled = ImageTransform::squeeze(shape);
    assert_eq!(read_image(&path, &scaled).unwrap(), [1, 255]);
    let clipped = ImageTransform { sixteen_bit: SixteenBit::Clip, ..scaled };
    assert_eq!(read_image(&path, &clipped).unwrap(), [200, 255]);

    // A JPEG of two colours with an EXIF chunk that says: turn by 90 degrees.
    let path = root.path().join("turned.jpg");
    let image = RgbImage::from_fn(16, 8, |x, _| Rgb(if x < 8 { [250; 3] } else { [5; 3] }));
    image.save(&path).unwrap();
    let mut file = fs::read(&path).unwrap();
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut chunk = vec![0xff, 0xe1, 0, exif.len() as u8 + 2];
    chunk.extend(exif);
    file.splice(2..2, chunk);
    fs::write(&path, file).unwrap();
    let shape = ImageShape { channels: 1, height: 2, width: 2 };
    let stored = ImageTransform::squeeze(shape);
    let bright = |bytes: Vec<u8>| bytes.into_iter().map(|value| value > 128).collect::<Vec<_>>();
    let pixels = bright(read_image(&path, &stored).unwrap());
    assert_eq!(pixels, [true, false, true, false]);
    let turned = ImageTransform { orientation: ExifOrientation::Exif, ..stored };
    let pixels = bright(read_image(&path, &turned).unwrap());
    assert_eq!(pixels, [true, true, false, false]);
}

#[test]
fn progress_is_reported_and_identity_is_that_of_the_files() {
    let root = folder();
    let (first, second) = (plain(root.path()), plain(root.path()));
    assert_eq!(first.files, second.files);
    assert_eq!(Arc::new(first.train).sha256(), second.train.sha256());
    save(&root.path().join("train/cat/a.png"), [1, 1, 1], 4);
    assert_ne!(plain(root.path()).files, second.files);
}

/// Whatever was read or left out before the test images.
#[test]
fn a_test_image_knows_its_file() {
    let three = ["train", "held", "test"];
    let config = FolderConfig::new(SHAPE);
    let skip = FolderConfig { unreadable: Unreadable::Skip, ..config.clone() };
    let cases: [(&[&str], &str, FolderConfig); 7] = [
        (&["train", "test"], "test", config.clone()),
        (&three, "test", FolderConfig { validation: Some("held".into()), ..config.clone() }),
        (&["train"], "train", FolderConfig { split: Some(0.5), ..config.clone() }),
        (&[""], "", FolderConfig { split: Some(0.5), ..config.clone() }),
        (&["val"], "val", FolderConfig { splits: Splits::Test, ..config.clone() }),
        (&["train", "test"], "test", skip.clone()),
        (
            &["train", "test"],
            "test",
            FolderConfig {
                take: Take { train: Some(1), validation: Some(1), test: Some(3) },
                ..config.clone()
            },
        ),
    ];
    for (splits, folder, config) in cases {
        let root = tempfile::tempdir().unwrap();
        for (at, split) in splits.iter().enumerate() {
            for (class, blue) in [("cat", 10), ("dog", 200)] {
                let place = root.path().join(split).join(class);
                for file in 0..4_u8 {
                    save(&place.join(format!("{file}.png")), [40 * file, 90 * at as u8, blue], 4);
                }
                if config.unreadable == Unreadable::Skip {
                    fs::write(place.join("1.png"), "no image").unwrap();
                }
            }
        }
        let mut load_config = LoadConfig::new("folder", root.path());
        load_config.path = Some(root.path().into());
        load_config.folder = config.clone();
        let dataset = load(&load_config, &mut |_| {}).unwrap();
        assert!(dataset.test.len() >= 3, "{splits:?}");
        for index in 0..dataset.test.len() {
            let file = dataset.test_file(index).unwrap();
            let class = &dataset.classes[dataset.test.label(index) as usize];
            let folder =
                if folder.is_empty() { class.clone() } else { format!("{folder}/{class}") };
            assert!(file.starts_with(&format!("{folder}/")), "{file} of {splits:?}");
            let pixels = read_image(&root.path().join(&file), &config.transform).unwrap();
            assert_eq!(dataset.test.image(index), pixels, "{file} of {splits:?}");
        }
    }
    let digits = load(&LoadConfig::new("digits", "nowhere"), &mut |_| {}).unwrap();
    assert_eq!(digits.test_file(0), None, "drawn images have no files");
}
