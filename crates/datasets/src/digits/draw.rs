//! From strokes to pixels.

use std::ops::Range;

use super::glyphs::{GLYPHS, Point, Stroke};
use crate::keyed::KeyedRng;

/// Pixels of a side.
pub(crate) const SIZE: usize = 32;
/// Straight pieces of a curve.
const PIECES: usize = 6;

type Segment = (Point, Point);
type Colour = [f64; 3];

/// Draws numeral `class`: `[3, SIZE, SIZE]` bytes.
pub(crate) fn numeral(class: usize, rng: &mut KeyedRng) -> Vec<u8> {
    let (mut canvas, paper) = Canvas::shaded(rng);
    for _ in 0..rng.below(3) {
        let ink = contrasting(&paper, 0.25, rng);
        let width = rng.between(0.6, 1.1);
        canvas.draw(&stray_stroke(rng), width, ink);
    }
    let ink = contrasting(&paper, 0.35, rng);
    let width = rng.between(1.0, 2.0);
    canvas.draw(&glyph(class, rng), width, ink);
    if rng.chance(0.4) {
        canvas.hide_patch(rng);
    }
    let noise = rng.between(0.02, 0.10);
    canvas.to_bytes(noise, rng)
}

/// The numeral's strokes, bent and placed, as straight segments in pixels.
fn glyph(class: usize, rng: &mut KeyedRng) -> Vec<Segment> {
    let ways = GLYPHS[class];
    let strokes = ways[rng.below(ways.len() as u32) as usize];
    let place = Placement::random(rng);
    strokes.iter().flat_map(|stroke| flatten(&bend(stroke, rng), &place)).collect()
}

fn bend(stroke: Stroke, rng: &mut KeyedRng) -> Vec<Point> {
    const WOBBLE: f64 = 0.075;
    let mut moved: Vec<Point> =
        stroke.iter().map(|p| p.map(|c| c + rng.between(-WOBBLE, WOBBLE))).collect();
    // A closed stroke stays closed.
    if stroke.first() == stroke.last() {
        let first = moved[0];
        *moved.last_mut().expect("a stroke has points") = first;
    }
    moved
}

/// An affine map from the unit square to pixels.
struct Placement {
    columns: [Point; 2],
    centre: Point,
}

impl Placement {
    fn random(rng: &mut KeyedRng) -> Self {
        // Half-angle form of a rotation, up to about ±23 degrees, without sine and cosine.
        let t = rng.between(-0.2, 0.2);
        let (cos, sin) = ((1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t));
        let slant = rng.between(-0.35, 0.35);
        let height = rng.between(14.0, 24.0);
        let width = height * rng.between(0.55, 0.95);
        let room = (SIZE as f64 - height) / 2.0;
        let centre = [16.0 + rng.between(-room, room), 16.0 + rng.between(-room, room)];
        let across = [cos * width, sin * width];
        let down = [(-sin - slant * cos) * height, (cos - slant * sin) * height];
        Self { columns: [across, down], centre }
    }

    fn map(&self, [x, y]: Point) -> Point {
        let [across, down] = self.columns;
        let at =
            |axis: usize| self.centre[axis] + (x - 0.5) * across[axis] + (y - 0.5) * down[axis];
        [at(0), at(1)]
    }
}

fn flatten(points: &[Point], place: &Placement) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut from = place.map(points[0]);
    for curve in points.windows(3).step_by(2) {
        let [a, b, c] = [curve[0], curve[1], curve[2]];
        for piece in 1..=PIECES {
            let t = piece as f64 / PIECES as f64;
            let u = 1.0 - t;
            let at = |axis: usize| u * u * a[axis] + 2.0 * u * t * b[axis] + t * t * c[axis];
            let to = place.map([at(0), at(1)]);
            segments.push((from, to));
            from = to;
        }
    }
    segments
}

/// A short curve anywhere, to be ignored.
fn stray_stroke(rng: &mut KeyedRng) -> Vec<Segment> {
    let start = [rng.between(0.0, 32.0), rng.between(0.0, 32.0)];
    let mut step = |from: Point| from.map(|c| c + rng.between(-9.0, 9.0));
    let middle = step(start);
    let end = step(middle);
    vec![(start, middle), (middle, end)]
}

/// A colour that differs from `paper` by at least `least` on average.
fn contrasting(paper: &Colour, least: f64, rng: &mut KeyedRng) -> Colour {
    loop {
        let ink = [rng.unit(), rng.unit(), rng.unit()];
        let difference: f64 = ink.iter().zip(paper).map(|(a, b)| (a - b).abs()).sum();
        if difference / 3.0 >= least {
            return ink;
        }
    }
}

struct Canvas {
    pixels: Vec<Colour>,
}

impl Canvas {
    /// A background that goes from one colour to a similar one, and its mean colour.
    fn shaded(rng: &mut KeyedRng) -> (Self, Colour) {
        let corner = [rng.unit(), rng.unit(), rng.unit()];
        let slopes: [Point; 3] =
            std::array::from_fn(|_| [rng.between(-0.3, 0.3), rng.between(-0.3, 0.3)]);
        let pixels = (0..SIZE * SIZE).map(|i| -> Colour {
            let (x, y) = ((i % SIZE) as f64 / SIZE as f64, (i / SIZE) as f64 / SIZE as f64);
            std::array::from_fn(|c| corner[c] + slopes[c][0] * (x - 0.5) + slopes[c][1] * (y - 0.5))
        });
        (Self { pixels: pixels.collect() }, corner)
    }

    /// Draws segments as one line of half width `width` in pixels, with soft edges.
    fn draw(&mut self, segments: &[Segment], width: f64, ink: Colour) {
        let reach = width + 0.5;
        let mut nearest = [f64::INFINITY; SIZE * SIZE];
        for segment in segments {
            let [columns, rows] = [0, 1].map(|axis| pixels_near(segment, axis, reach));
            for y in rows {
                for x in columns.clone() {
                    let distance = squared_distance([x as f64 + 0.5, y as f64 + 0.5], segment);
                    let nearest = &mut nearest[y * SIZE + x];
                    *nearest = nearest.min(distance);
                }
            }
        }
        for (pixel, nearest) in self.pixels.iter_mut().zip(nearest) {
            if nearest < reach * reach {
                let cover = (reach - nearest.sqrt()).min(1.0);
                for (value, ink) in pixel.iter_mut().zip(ink) {
                    *value += cover * (ink - *value);
                }
            }
        }
    }

    /// Covers a small rectangle with one colour.
    fn hide_patch(&mut self, rng: &mut KeyedRng) {
        let [width, height] = [3 + rng.below(7) as usize, 3 + rng.below(7) as usize];
        let left = rng.below((SIZE - width) as u32) as usize;
        let top = rng.below((SIZE - height) as u32) as usize;
        let colour = [rng.unit(), rng.unit(), rng.unit()];
        for y in top..top + height {
            self.pixels[y * SIZE + left..y * SIZE + left + width].fill(colour);
        }
    }

    /// Planes of red, green and blue, with noise of about `noise` deviation.
    fn to_bytes(&self, noise: f64, rng: &mut KeyedRng) -> Vec<u8> {
        let mut planes = vec![0; 3 * SIZE * SIZE];
        for (i, pixel) in self.pixels.iter().enumerate() {
            for (channel, value) in pixel.iter().enumerate() {
                // Two uniform draws: a triangle of deviation 1/sqrt(6) around zero.
                let jitter = (rng.unit() + rng.unit() - 1.0) * 2.45 * noise;
                let byte = ((value + jitter) * 255.0).clamp(0.0, 255.0);
                planes[channel * SIZE * SIZE + i] = byte as u8;
            }
        }
        planes
    }
}

/// Pixels along one axis that a segment may reach, and one more at each end.
fn pixels_near((a, b): &Segment, axis: usize, reach: f64) -> Range<usize> {
    let [low, high] = [a[axis].min(b[axis]) - reach, a[axis].max(b[axis]) + reach];
    let pixel = |at: f64| at.clamp(0.0, SIZE as f64) as usize;
    pixel(low - 1.0)..pixel(high + 1.0)
}

fn squared_distance(at: Point, (a, b): &Segment) -> f64 {
    let along = [b[0] - a[0], b[1] - a[1]];
    let offset = [at[0] - a[0], at[1] - a[1]];
    let length = along[0] * along[0] + along[1] * along[1];
    let t = match length > 0.0 {
        true => ((offset[0] * along[0] + offset[1] * along[1]) / length).clamp(0.0, 1.0),
        false => 0.0,
    };
    let gap = [offset[0] - t * along[0], offset[1] - t * along[1]];
    gap[0] * gap[0] + gap[1] * gap[1]
}
