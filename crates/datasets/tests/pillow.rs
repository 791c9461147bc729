//! Resizing against Pillow, driven as torchvision drives it: `pillow/reference.py` made the numbers.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use distill_datasets::{
    ImageShape, ImageTransform,
    folder::read_image,
    transform::{Fit, Interpolation},
};
use image::{DynamicImage, GrayImage, RgbImage};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    image: [u32; 3],
    fit: String,
    side: usize,
    resize: Option<usize>,
    interpolation: Interpolation,
    pixels: Vec<u8>,
}

/// The same pattern as the script makes: edges, slopes and noise.
fn pattern(x: u32, y: u32, channel: u32) -> u8 {
    let noise = (x * x * 7 + y * y * 13 + x * y * 3 + channel * 61) % 256;
    let value = if (x / 5 + y / 7).is_multiple_of(2) { 255 - noise / 3 } else { noise };
    value as u8
}

#[test]
fn images_are_resized_as_by_pillow_bit_for_bit() {
    let text = include_str!("pillow/reference.json");
    let cases: Vec<Case> = serde_json::from_str(text).unwrap();
    assert_eq!(cases.len(), 40);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.png");
    for case in cases {
        let [width, height, channels] = case.image;
        let image: DynamicImage = match channels {
            1 => GrayImage::from_fn(width, height, |x, y| [pattern(x, y, 0)].into()).into(),
            _ => RgbImage::from_fn(width, height, |x, y| {
                [0, 1, 2].map(|channel| pattern(x, y, channel)).into()
            })
            .into(),
        };
        image.save(&path).unwrap();
        let side = case.side;
        let shape = ImageShape { channels: channels as usize, height: side, width: side };
        let fit = match case.fit.as_str() {
            "squeeze" => Fit::Squeeze,
            "crop" => Fit::crop(side, case.resize, None),
            _ => Fit::Pad,
        };
        let interpolation = case.interpolation;
        let transform = ImageTransform { fit, interpolation, ..ImageTransform::squeeze(shape) };
        let ours = read_image(&path, &transform).unwrap();
        assert_eq!(ours, case.pixels, "{transform} of {width}x{height}");
    }
}

/// The pictures of `DISTILL_DATA`, whose references have another JPEG decoder before them.
#[test]
fn photographs_are_those_of_torchvision_but_for_the_decoder() {
    let Some(data) = std::env::var_os("DISTILL_DATA") else {
        println!("skipped: `DISTILL_DATA` has the photographs");
        return;
    };
    let [images, reference] =
        ["images", "reference/preprocessed"].map(|name| Path::new(&data).join("text").join(name));
    let Ok(files) = fs::read_dir(&reference) else {
        println!("skipped: no {}", reference.display());
        return;
    };
    let mut compared = 0;
    for file in files {
        let file = file.unwrap().path();
        let stem = file.file_stem().unwrap().to_str().unwrap();
        let (class, filter) = stem.split_once('-').unwrap();
        let photographs = fs::read_dir(&images).unwrap().map(|entry| entry.unwrap().path());
        let photograph = photographs.into_iter().find(|path| {
            path.file_name().is_some_and(|name| name.to_str().unwrap().starts_with(class))
        });
        let interpolation = match filter {
            "bicubic" => Interpolation::Bicubic,
            _ => Interpolation::Bilinear,
        };
        let shape = ImageShape { channels: 3, height: 224, width: 224 };
        let fit = Fit::crop(224, Some(256), None);
        let transform = ImageTransform { fit, interpolation, ..ImageTransform::squeeze(shape) };
        let ours = read_image(&photograph.unwrap(), &transform).unwrap();
        let theirs = read_image(&file, &ImageTransform::squeeze(shape)).unwrap();
        let gaps: Vec<u8> = ours.iter().zip(&theirs).map(|(a, b)| a.abs_diff(*b)).collect();
        let mean = gaps.iter().map(|gap| f64::from(*gap)).sum::<f64>() / gaps.len() as f64;
        println!("{stem}: {mean:.4} levels on average, at most {}", gaps.iter().max().unwrap());
        assert!(mean < 0.5, "{stem}: {mean}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}
