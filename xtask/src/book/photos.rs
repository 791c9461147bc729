//! Images for the chapters that speak of images of one's own.

use std::{fs, io::BufWriter, path::Path};

const SIDE: u32 = 24;

/// `train/CLASS/N.png` and `test/CLASS/N.png` of two classes that colours tell apart.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    for (split, count) in [("train", 30_u32), ("test", 8)] {
        for (class, warm) in [("cats", true), ("dogs", false)] {
            let place = folder.join(split).join(class);
            fs::create_dir_all(&place)?;
            for image in 0..count {
                picture(&place.join(format!("{image}.png")), warm, image)?;
            }
        }
    }
    Ok(())
}

fn picture(path: &Path, warm: bool, seed: u32) -> anyhow::Result<()> {
    let mut encoder = png::Encoder::new(BufWriter::new(fs::File::create(path)?), SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    let mut pixels = Vec::new();
    for at in 0..SIDE * SIDE {
        let noise = (at.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 24) as u8 / 2;
        pixels.extend(if warm { [noise + 100, noise, 30] } else { [30, noise, noise + 100] });
    }
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(())
}
