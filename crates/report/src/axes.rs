//! Where plots are drawn: margins, axes and grid in the page's inks, the same in all of them.

use std::{error::Error, ops::Range};

use plotters::{
    chart::{ChartContext, MeshStyle},
    coord::types::RangedCoordf64,
    prelude::*,
};

use crate::canvas::{Canvas, Ink, LETTERS};

/// A chart of two axes with numbers.
pub(crate) type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A chart with room for the labels of the x axis, and `beside` pixels for those of the y axis.
pub(crate) fn chart<'a, 'b>(
    root: &'a Canvas<'b>,
    beside: u32,
    x: Range<f64>,
    y: Range<f64>,
) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
    let mut builder = ChartBuilder::on(root);
    builder.margin(12).margin_right(44).x_label_area_size(76).y_label_area_size(beside);
    Ok(builder.build_cartesian_2d(x, y)?)
}

/// Its grid and labels, to be completed and drawn.
pub(crate) fn mesh<'a, 'b, 'c>(
    chart: &'c mut Chart<'a, 'b>,
) -> MeshStyle<'a, 'c, RangedCoordf64, RangedCoordf64, SVGBackend<'b>> {
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT)
        .bold_line_style(Ink::Grid.colour())
        .axis_style(Ink::Grid.colour())
        .label_style(letters())
        .axis_desc_style(letters());
    mesh
}

/// The letters of labels.
pub(crate) fn letters<'a>() -> TextStyle<'a> {
    ("sans-serif", LETTERS).into_font().color(&Ink::Text.colour())
}
