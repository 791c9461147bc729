//! Data alone, without any training: loads a set, makes augmented batches, writes the first one as
//! a picture.
//!
//!     cargo run --release -p distill-datasets --example view_batches -- digits /tmp/digits.png

use std::{path::PathBuf, sync::Arc};

use distill_datasets::{Augment, Augmented, HostInput, LoadConfig, Loader, load};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "digits".into());
    let picture = PathBuf::from(arguments.next().unwrap_or_else(|| "batch.png".into()));
    let data = std::env::var_os("DISTILL_DATA").unwrap_or_else(|| "data".into());

    let set = load(&LoadConfig::new(name, data), &mut |_| {})?;
    println!(
        "{}: {} + {} images, sha256 {}",
        set.name,
        set.train.len(),
        set.test.len(),
        set.sha256
    );

    let source = Augmented::new(set.train.clone(), vec![Augment::PadCrop(2)]);
    let batch = Loader::shuffled(Arc::new(source), 100, 42).one(1, 0)?.ok_or("no samples")?;
    let HostInput::Images { shape, pixels } = &batch.input else { return Err("no images".into()) };
    let (height, width) = (shape.height, shape.width);
    let mut sheet = image::RgbImage::new(10 * width as u32, 10 * height as u32);
    for (at, image) in pixels.chunks_exact(shape.bytes()).enumerate() {
        for i in 0..height * width {
            let (x, y) = (at % 10 * width + i % width, at / 10 * height + i / width);
            let colour = [0, 1, 2].map(|c| image[(c % shape.channels) * height * width + i]);
            sheet.put_pixel(x as u32, y as u32, image::Rgb(colour));
        }
    }
    sheet.save(&picture)?;
    println!("{} labels {:?}", picture.display(), &batch.classes()?[..10]);
    Ok(())
}
