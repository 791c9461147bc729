//! The canvas of a plot: its size, its letters and the inks of the page.

use plotters::prelude::*;

/// A colour of the page. The style sheet finds a plot's colours by their value, and changes them in the dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    Teacher,
    Baseline,
    Student,
    Text,
    Grid,
}

impl Ink {
    pub(crate) fn colour(self) -> RGBColor {
        match self {
            Self::Teacher => RGBColor(0x9A, 0x5B, 0x00),
            Self::Baseline => RGBColor(0x5B, 0x64, 0x70),
            Self::Student => RGBColor(0x0B, 0x62, 0xB8),
            Self::Text => RGBColor(0x1C, 0x21, 0x28),
            Self::Grid => RGBColor(0xC9, 0xD1, 0xDA),
        }
    }

    /// Dash and gap in pixels; `None` for a solid line. Colour alone tells nobody apart on paper.
    pub(crate) fn dash(self) -> Option<[i32; 2]> {
        match self {
            Self::Teacher => Some([18, 8]),
            Self::Baseline => Some([5, 7]),
            _ => None,
        }
    }
}

/// Width and height of a plot in its own pixels; the page shows it at half of that or less.
pub(crate) const SIZE: (u32, u32) = (800, 520);
/// Pixels of its letters.
pub(crate) const LETTERS: u32 = 28;

/// The drawing area of a plot, in its own pixels.
pub(crate) type Canvas<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
/// The outcome of drawing a plot.
pub(crate) type Drawn = Result<(), Box<dyn std::error::Error>>;

/// An SVG that is drawn into memory.
pub(crate) fn draw(size: (u32, u32), plot: impl FnOnce(&Canvas) -> Drawn) -> String {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        plot(&root)
            .and_then(|()| Ok(root.present()?))
            .expect("a plot into memory, of finite numbers");
    }
    svg
}
