//! What dropout keeps.

use super::{Draw, with_threads};
use crate::cpu::{dropout::Mask, memory::poison};

/// A few streams and the beginning of one more.
const COUNT: usize = if cfg!(miri) { 20_000 } else { 200_003 };

fn kept(seed: u64, probability: f64, count: usize) -> Vec<bool> {
    let ones = vec![1.0; count];
    Mask::new(seed, probability).apply(&ones).iter().map(|y| *y != 0.0).collect()
}

#[test]
fn a_seed_drops_the_same_numbers_everywhere() {
    let places = |range: std::ops::Range<usize>| {
        let kept = kept(42, 0.25, 20_000);
        range.filter(|at| !kept[*at]).collect::<Vec<usize>>()
    };
    let first = [places(0..24), places(16_384..16_400)];
    assert_eq!(first, EXPECTED.map(<[usize]>::to_vec), "a change here changes every run");
}

const EXPECTED: [&[usize]; 2] =
    [&[0, 2, 11, 14, 19], &[16_387, 16_388, 16_392, 16_393, 16_397, 16_399]];

#[test]
fn kept_numbers_are_scaled_and_the_others_zero() {
    poison(true);
    let x = Draw::new(5).numbers(COUNT);
    let kept = kept(7, 0.2, COUNT);
    let y = Mask::new(7, 0.2).apply(&x);
    let right = x.iter().zip(&kept).map(|(x, kept)| if *kept { x * 1.25 } else { 0.0 });
    assert!(y.iter().copied().eq(right));
}

#[test]
fn threads_and_what_comes_behind_change_nothing() {
    let of = |threads| with_threads(threads, || kept(3, 0.5, COUNT));
    let whole = of(1);
    assert_eq!(of(3), whole);
    for count in [0, 1, 63, 65, 16_384, 16_385] {
        assert_eq!(kept(3, 0.5, count), whole[..count]);
    }
}

#[test]
fn the_probability_is_what_was_asked_for() {
    for probability in [0.001, 0.1, 0.5, 0.9] {
        let dropped = kept(11, probability, COUNT).iter().filter(|kept| !**kept).count() as f64;
        let expected = probability * COUNT as f64;
        let deviation = (expected * (1.0 - probability)).sqrt();
        assert!((dropped - expected).abs() < 4.0 * deviation, "{probability}: {dropped}");
    }
    assert!(kept(11, 0.0, 1000).iter().all(|kept| *kept));
    assert!(!kept(11, 1.0 - f64::EPSILON, 1000).contains(&true));
}

/// Places that both keep or both drop are half of them, where two masks are not the same one in disguise.
#[test]
fn neighbours_streams_and_seeds_are_independent() {
    let mask = kept(1, 0.5, COUNT);
    let alike = |a: &[bool], b: &[bool]| {
        let count = a.len().min(b.len());
        let same = a.iter().zip(b).filter(|(a, b)| a == b).count() as f64;
        (same - count as f64 / 2.0) / (count as f64 / 4.0).sqrt()
    };
    for distance in [1, 2, 8, 16, 64, 16_384] {
        let off = alike(&mask, &mask[distance..]);
        assert!(off.abs() < 4.0, "{distance} places apart: {off} deviations");
    }
    for seed in [0, 2, 1 << 32, u64::MAX] {
        let off = alike(&mask, &kept(seed, 0.5, COUNT));
        assert!(off.abs() < 4.0, "seeds 1 and {seed}: {off} deviations");
    }
}
