//! Data alone, without any training: loads a set, makes augmented batches, writes the first one as
//! a picture.
//!
//!     cargo run --release -p distill-datasets --example view_batches -- digits /tmp/digits.png

use std::path::PathBuf;

use distill_datasets::{Augment, LoadConfig, Loader, load};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "digits".into());
    let picture = PathBuf::from(arguments.next().unwrap_or_else(|| "batch.png".into()));
    let data = std::env::var_os("DISTILL_DATA").unwrap_or_else(|| "data".into());

    let set = load(&LoadConfig::new(name, data), &mut |_, _| {})?;
    println!(
        "{}: {} + {} images, sha256 {}",
        set.name,
        set.train.len(),
        set.test.len(),
        set.sha256
    );

    let loader = Loader::shuffled(set.train.clone(), 100, 42, vec![Augment::PadCrop(2)]);
    let batch = loader.epoch(1, 0).next().ok_or("no images")?;
    let (height, width) = (batch.shape.height, batch.shape.width);
    let mut sheet = image::RgbImage::new(10 * width as u32, 10 * height as u32);
    for (at, pixels) in batch.images.chunks_exact(batch.shape.bytes()).enumerate() {
        for i in 0..height * width {
            let channel = |c: usize| pixels[(c % batch.shape.channels) * height * width + i];
            let (x, y) = (at % 10 * width + i % width, at / 10 * height + i / width);
            sheet.put_pixel(x as u32, y as u32, image::Rgb([0, 1, 2].map(channel)));
        }
    }
    sheet.save(&picture)?;
    println!("{} labels {:?}", picture.display(), &batch.labels[..10]);
    Ok(())
}
