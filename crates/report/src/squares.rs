//! A matrix of classes as squares: the more, the more colour.

use plotters::{
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use crate::{
    canvas::{self, Ink, LETTERS},
    classes::shortened,
};

/// Rows up to which a square has room for a number.
const NUMBERED: usize = 12;

/// A matrix to draw.
pub(crate) struct Squares<'a> {
    /// Names of its rows and columns.
    pub(crate) names: &'a [&'a str],
    /// Share of colour of each square, `[0, 1]`.
    pub(crate) shares: &'a [Vec<f64>],
    /// What stands in each square; nothing of a matrix without numbers.
    pub(crate) numbers: &'a [Vec<String>],
    pub(crate) ink: Ink,
}

impl Squares<'_> {
    /// The matrix as SVG, its diagonal in grey.
    pub(crate) fn svg(&self) -> String {
        let rows = self.names.len();
        let n = rows as f64;
        let letters = if rows > 12 { LETTERS - 6 } else { LETTERS };
        let longest = self.names.iter().map(|name| shortened(name).chars().count()).max();
        let beside = 24 + longest.unwrap_or(0) as u32 * letters * 3 / 5;
        canvas::draw((800, 800), |root| {
            let mut chart = ChartBuilder::on(root)
                .margin(12)
                .x_label_area_size(beside)
                .y_label_area_size(beside)
                .build_cartesian_2d(0.0..n, 0.0..n)?;
            let squares = self.shares.iter().enumerate().flat_map(|(at, row)| {
                let y = n - at as f64;
                row.iter().enumerate().map(move |(column, share)| {
                    let x = column as f64;
                    let fill = if column == at {
                        Ink::Grid.colour().mix(0.6)
                    } else {
                        self.ink.colour().mix(share.clamp(0.0, 1.0))
                    };
                    Rectangle::new([(x + 0.04, y - 0.04), (x + 0.96, y - 0.96)], fill.filled())
                })
            });
            chart.draw_series(squares)?;
            let text = ("sans-serif", letters).into_font();
            let beside = text.color(&Ink::Text.colour()).pos(Pos::new(HPos::Right, VPos::Center));
            let below = text.transform(FontTransform::Rotate270).color(&Ink::Text.colour());
            let below = below.pos(Pos::new(HPos::Right, VPos::Center));
            for (at, name) in self.names.iter().enumerate() {
                let name = shortened(name);
                let (x, y) = chart.backend_coord(&(0.0, n - at as f64 - 0.5));
                root.draw(&Text::new(name.clone(), (x - 10, y), beside.clone()))?;
                let (x, y) = chart.backend_coord(&(at as f64 + 0.5, 0.0));
                root.draw(&Text::new(name, (x, y + 10), below.clone()))?;
            }
            let inside = ("sans-serif", LETTERS - 6).into_font().color(&Ink::Text.colour());
            let inside = inside.pos(Pos::new(HPos::Center, VPos::Center));
            for (at, row) in self.numbers.iter().enumerate().filter(|_| rows <= NUMBERED) {
                for (column, number) in row.iter().enumerate() {
                    let place = (column as f64 + 0.5, n - at as f64 - 0.5);
                    let place = chart.backend_coord(&place);
                    root.draw(&Text::new(number.clone(), place, inside.clone()))?;
                }
            }
            Ok(())
        })
    }
}
