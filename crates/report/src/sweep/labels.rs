//! Where labels of points go, so that they lie on nothing else.

/// Pixels of a digit, and of a label's height, in the letters of plots.
const DIGIT: i32 = 16;
const HEIGHT: i32 = 24;
/// Pixels from a point's centre to its label.
const NEAR: i32 = 12;
const FAR: i32 = 34;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: [i32; 2],
    pub(super) y: [i32; 2],
}

/// A point that wants a label.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labelled {
    /// Its centre.
    pub(super) at: (i32, i32),
    /// Letters of its label.
    pub(super) letters: usize,
    /// Whether it has a label also where there is no room for one.
    pub(super) is_needed: bool,
}

impl Area {
    /// What lies this far around a point or less.
    pub(super) fn around((x, y): (i32, i32), pixels: i32) -> Self {
        Self { x: [x - pixels, x + pixels], y: [y - pixels, y + pixels] }
    }

    /// Pixels that two areas share.
    fn shared(&self, other: &Self) -> i64 {
        let along = |a: [i32; 2], b: [i32; 2]| i64::from((a[1].min(b[1]) - a[0].max(b[0])).max(0));
        along(self.x, other.x) * along(self.y, other.y)
    }

    fn holds(&self, other: &Self) -> bool {
        let along = |a: [i32; 2], b: [i32; 2]| a[0] <= b[0] && b[1] <= a[1];
        along(self.x, other.x) && along(self.y, other.y)
    }
}

/// A line as areas that lie on it.
pub(super) fn along((x0, y0): (i32, i32), (x1, y1): (i32, i32)) -> impl Iterator<Item = Area> {
    let steps = ((x1 - x0).abs().max((y1 - y0).abs()) / 6).max(1);
    (0..=steps).map(move |step| {
        Area::around((x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps), 3)
    })
}

/// For each point the upper left corner of its label, none where that would lie on something: on what is `taken`, on
/// another label, or out of the `room`. Those that are needed choose first.
pub(super) fn place(points: &[Labelled], taken: &[Area], room: Area) -> Vec<Option<(i32, i32)>> {
    let mut taken = taken.to_vec();
    let mut corners = vec![None; points.len()];
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by_key(|at| !points[*at].is_needed);
    for index in order {
        let point = &points[index];
        let covered = |area: &Area| taken.iter().map(|other| area.shared(other)).sum::<i64>();
        let best = candidates(point).filter(|area| room.holds(area)).min_by_key(covered);
        if let Some(area) = best.filter(|area| point.is_needed || covered(area) == 0) {
            corners[index] = Some((area.x[0], area.y[0]));
            taken.push(area);
        }
    }
    corners
}

/// Places around a point, the best first.
fn candidates(point: &Labelled) -> impl Iterator<Item = Area> {
    let (width, (x, y)) = (DIGIT * point.letters as i32, point.at);
    let (left, right, middle) = (x - width, x, x - width / 2);
    let (above, below, beside) = (y - HEIGHT, y, y - HEIGHT / 2);
    let of = move |d: i32| {
        [
            (right + d, above),
            (left - d, above),
            (right + d, below),
            (left - d, below),
            (right + d, beside),
            (left - d, beside),
            (middle, above - d),
            (middle, below + d),
        ]
    };
    let near = of(NEAR).into_iter().chain(of(FAR));
    near.map(move |(x, y)| Area { x: [x, x + width], y: [y, y + HEIGHT] })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Area = Area { x: [0, 400], y: [0, 400] };

    fn labelled(at: (i32, i32), is_needed: bool) -> Labelled {
        Labelled { at, letters: 2, is_needed }
    }

    #[test]
    fn labels_lie_on_nothing() {
        let points = [(200, 200), (200, 204), (210, 200), (395, 5)].map(|at| labelled(at, false));
        let dots: Vec<Area> = points.iter().map(|point| Area::around(point.at, 8)).collect();
        let corners = place(&points, &dots, ROOM);
        let areas: Vec<Area> = corners
            .iter()
            .map(|corner| corner.expect("there is room"))
            .map(|(x, y)| Area { x: [x, x + 2 * DIGIT], y: [y, y + HEIGHT] })
            .collect();
        for (at, area) in areas.iter().enumerate() {
            let others = areas[..at].iter().chain(&dots);
            assert_eq!(others.map(|other| area.shared(other)).sum::<i64>(), 0, "{area:?}");
            assert!(ROOM.holds(area), "{area:?}");
        }
    }

    #[test]
    fn without_room_the_needed_ones_alone_are_shown() {
        let all = [Area { x: [0, 400], y: [0, 400] }];
        let points = [labelled((200, 200), false), labelled((200, 200), true)];
        assert_eq!(place(&points, &all, ROOM), [None, Some((212, 176))]);
    }
}
