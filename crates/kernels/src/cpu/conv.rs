//! The choice among the ways to compute a convolution.

use super::{
    depthwise, direct,
    finish::Finish,
    map::Map,
    memory::Numbers,
    path::Path,
    shape::Shape,
    winograd::{self, Direction, Four, Two},
};

/// A way to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Winograd's F(4x4, 3x3).
    Four,
    /// Winograd's F(2x2, 3x3).
    Two,
    /// Sums over the window's pixels.
    Direct,
    /// One channel at a time.
    Depthwise,
}

impl Method {
    /// The fastest one as measured (`docs/results/cpu.md`).
    pub(crate) fn of(shape: Shape, map: Map) -> Self {
        if shape.is_depthwise() {
            return Self::Depthwise;
        }
        let three = shape.kernel == 3 && shape.stride == 1 && shape.padding == 1;
        // Transforming costs about as much as products with so many channels.
        let wide = shape.inputs >= 12 && shape.outputs >= 12;
        if !three || shape.groups > 1 || !wide {
            return Self::Direct;
        }
        match map.height.min(map.width) {
            1 => Self::Direct,
            2 => Self::Two,
            _ => Self::Four,
        }
    }
}

/// Weights as a method takes them: for one path, method and direction.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) method: Method,
    values: Numbers,
}

/// Packs `[outputs, inputs / groups, kernel, kernel]` weights for [`forward`] over maps like `map`.
pub(crate) fn pack(path: Path, weights: &[f32], shape: Shape, map: Map) -> Packed {
    let Shape { inputs, outputs, .. } = shape;
    let method = Method::of(shape, map);
    let values = match method {
        Method::Four => winograd::pack::<Four>(path, weights, outputs, inputs, Direction::Forward),
        Method::Two => winograd::pack::<Two>(path, weights, outputs, inputs, Direction::Forward),
        Method::Direct => direct::pack_forward(path, weights, shape),
        Method::Depthwise => depthwise::pack(weights, shape),
    };
    Packed { method, values }
}

/// The convolution of `x`.
pub(crate) fn forward(
    path: Path,
    x: &[f32],
    map: Map,
    packed: &Packed,
    shape: Shape,
    finish: &Finish<'_>,
) -> Numbers {
    let values = &packed.values;
    match packed.method {
        Method::Four => winograd::forward::<Four>(path, x, map, values, shape.outputs, finish),
        Method::Two => winograd::forward::<Two>(path, x, map, values, shape.outputs, finish),
        Method::Direct => direct::forward(path, x, map, values, shape, finish),
        Method::Depthwise => depthwise::forward(path, x, map, values, shape, finish),
    }
}

/// Gradient of the map, in its shape, from the gradient `dy` of the output.
pub(crate) fn map_gradient(
    path: Path,
    dy: &[f32],
    map: Map,
    weights: &[f32],
    shape: Shape,
) -> Numbers {
    let Shape { inputs, outputs, .. } = shape;
    let finish = Finish::default();
    let out = shape.output(map);
    match Method::of(shape, map) {
        Method::Four => {
            let packed =
                winograd::pack::<Four>(path, weights, outputs, inputs, Direction::Backward);
            winograd::forward::<Four>(path, dy, out, &packed, inputs, &finish)
        }
        Method::Two => {
            let packed = winograd::pack::<Two>(path, weights, outputs, inputs, Direction::Backward);
            winograd::forward::<Two>(path, dy, out, &packed, inputs, &finish)
        }
        Method::Direct => direct::map_gradient(path, dy, map, weights, shape),
        Method::Depthwise => depthwise::map_gradient(path, dy, map, weights, shape),
    }
}

/// Gradient of the weights, in their shape, from the map `x` and the gradient `dy` of the output.
pub(crate) fn weight_gradient(
    path: Path,
    x: &[f32],
    map: Map,
    dy: &[f32],
    shape: Shape,
) -> Numbers {
    match Method::of(shape, map) {
        Method::Four => winograd::gradient::<Four>(path, x, map, dy, shape.outputs),
        Method::Two => winograd::gradient::<Two>(path, x, map, dy, shape.outputs),
        Method::Direct => direct::weight_gradient(path, x, map, dy, shape),
        Method::Depthwise => depthwise::weight_gradient(path, x, map, dy, shape),
    }
}
