//! How long the networks of a sweep take.

use super::{PointFigures, Sweep};

impl Sweep {
    /// Seconds that a point's student takes for one image: the median over all points with the same network, whose
    /// times differ by chance alone. None where it was not measured.
    pub fn latency(&self, figures: &PointFigures) -> Option<f64> {
        let costs = (figures.parameters, figures.macs, figures.bytes);
        let alike = self.done().map(|(_, other)| other).filter(|other| {
            other.architecture == figures.architecture
                && (other.parameters, other.macs, other.bytes) == costs
        });
        let mut seconds: Vec<f64> = alike.filter_map(|other| other.latency).collect();
        seconds.sort_by(f64::total_cmp);
        let (low, high) = (seconds.len().saturating_sub(1) / 2, seconds.len() / 2);
        Some(seconds.get(low)?.midpoint(*seconds.get(high)?))
    }
}

#[cfg(test)]
mod tests {
    use crate::sweep::sample;

    #[test]
    fn a_network_has_one_latency_whatever_it_was_taught_with() {
        let points = [("a", 10, Some(1.0)), ("b", 10, Some(4.0)), ("c", 20, Some(9.0))];
        let sweep = sample(&points);
        let of = |at: usize| sweep.latency(sweep.points[at].figures.as_ref().unwrap());
        assert_eq!([of(0), of(1), of(2)], [Some(2.5), Some(2.5), Some(9.0)]);
        let unmeasured = sample(&[("a", 10, None)]);
        let figures = unmeasured.points[0].figures.as_ref().unwrap();
        assert_eq!(unmeasured.latency(figures), None);
    }
}
