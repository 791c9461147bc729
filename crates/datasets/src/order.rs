//! The order of the samples of an epoch: a function from position to sample and back.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use crate::{
    DataError,
    keyed::{KeyedRng, Operation, SampleId},
};

/// Order of the samples of one epoch.
///
/// A shuffled epoch takes the shards in a random order and permutes each group of `window` of them as a whole: a
/// reader needs that many shards at a time. The samples of one shard are one permutation.
#[derive(Debug)]
pub struct Order {
    /// Of the permutations; none for ascending ids.
    seed: Option<u64>,
    epoch: u64,
    window: usize,
    shards: Vec<Range<SampleId>>,
    /// Shards by their turn.
    turns: Vec<usize>,
    /// Turn of each shard.
    turn_of: Vec<usize>,
    /// Position of the first sample of each turn, and the number of all samples.
    starts: Vec<u64>,
    /// Groups that were needed last.
    open: Mutex<VecDeque<Arc<Group>>>,
}

/// Groups in memory at a time: workers at the end of one and at the start of the next share them.
const OPEN_GROUPS: usize = 4;

impl Order {
    /// Ascending ids, shard by shard.
    ///
    /// # Errors
    /// [`DataError::Setting`] for shards that overlap or do not ascend.
    pub fn ascending(shards: &[Range<SampleId>]) -> Result<Self, DataError> {
        Self::new(None, 0, shards, 1)
    }

    /// The shuffled order of `epoch`, in groups of `window` shards.
    ///
    /// # Errors
    /// [`DataError::Setting`] for shards that overlap or do not ascend, for a window of no shards and for one of
    /// 2³² samples or more.
    pub fn shuffled(
        seed: u64,
        epoch: u64,
        shards: &[Range<SampleId>],
        window: usize,
    ) -> Result<Self, DataError> {
        Self::new(Some(seed), epoch, shards, window)
    }

    fn new(
        seed: Option<u64>,
        epoch: u64,
        shards: &[Range<SampleId>],
        window: usize,
    ) -> Result<Self, DataError> {
        check(shards, window)?;
        let turns = turns(seed, epoch, shards.len());
        let mut turn_of = vec![0; turns.len()];
        let mut starts = vec![0; turns.len() + 1];
        for (turn, shard) in turns.iter().enumerate() {
            turn_of[*shard] = turn;
            starts[turn + 1] = starts[turn] + (shards[*shard].end - shards[*shard].start);
        }
        let order = Self {
            seed,
            epoch,
            window,
            shards: shards.to_vec(),
            turns,
            turn_of,
            starts,
            open: Mutex::default(),
        };
        order.check_groups()?;
        Ok(order)
    }

    /// Number of samples.
    pub fn samples(&self) -> u64 {
        self.starts[self.turns.len()]
    }

    /// The samples at these positions, from 0; fewer where the epoch ends.
    pub fn ids(&self, positions: Range<u64>) -> Vec<SampleId> {
        let mut group: Option<Arc<Group>> = None;
        let positions = positions.start..positions.end.min(self.samples());
        let mut ids = Vec::with_capacity(positions.end.saturating_sub(positions.start) as usize);
        for position in positions {
            let place = match self.seed {
                Some(seed) => {
                    let group = match group.take().filter(|group| group.holds(position)) {
                        Some(same) => group.insert(same),
                        None => group.insert(self.group(seed, self.turn_at(position))),
                    };
                    group.place_at(position)
                }
                None => position,
            };
            let turn = self.turn_at(place);
            ids.push(self.shards[self.turns[turn]].start + (place - self.starts[turn]));
        }
        ids
    }

    /// Position of a sample; `None` for an id outside the shards.
    pub fn position(&self, id: SampleId) -> Option<u64> {
        let shard = self.shards.partition_point(|shard| shard.end <= id);
        let range = self.shards.get(shard).filter(|range| range.contains(&id))?;
        let turn = self.turn_of[shard];
        let place = self.starts[turn] + (id - range.start);
        Some(match self.seed {
            Some(seed) => self.group(seed, turn).position_of(place),
            None => place,
        })
    }

    /// Turn of the shard that holds a place in the order before groups are permuted.
    fn turn_at(&self, place: u64) -> usize {
        self.starts.partition_point(|start| *start <= place) - 1
    }

    fn group(&self, seed: u64, turn: usize) -> Arc<Group> {
        let number = turn / self.window;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(group) = open.iter().find(|group| group.number == number) {
            return group.clone();
        }
        let places = self.places(number);
        let mut rng = KeyedRng::new(seed, self.epoch, number as u64, Operation::Shuffle);
        let to_place = rng.permutation((places.end - places.start) as usize);
        let group =
            Arc::new(Group { number, start: places.start, to_place, to_position: OnceLock::new() });
        if open.len() == OPEN_GROUPS {
            open.pop_front();
        }
        open.push_back(group.clone());
        group
    }

    fn places(&self, group: usize) -> Range<u64> {
        let turn = |group: usize| group.saturating_mul(self.window).min(self.turns.len());
        self.starts[turn(group)]..self.starts[turn(group + 1)]
    }

    fn check_groups(&self) -> Result<(), DataError> {
        let groups = self.turns.len().div_ceil(self.window);
        let sizes = (0..groups).map(|group| self.places(group)).map(|all| all.end - all.start);
        match sizes.max().filter(|_| self.seed.is_some()) {
            Some(largest) if largest >= 1 << 32 => Err(DataError::Setting {
                field: "window",
                value: self.window.to_string(),
                expected: format!(
                    "shards of fewer than 2^32 samples together; they have {largest}"
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// A permutation of the samples of consecutive turns.
#[derive(Debug)]
struct Group {
    number: usize,
    /// Position of its first sample.
    start: u64,
    to_place: Vec<u32>,
    to_position: OnceLock<Vec<u32>>,
}

impl Group {
    fn holds(&self, position: u64) -> bool {
        position >= self.start && position - self.start < self.to_place.len() as u64
    }

    fn place_at(&self, position: u64) -> u64 {
        self.start + u64::from(self.to_place[(position - self.start) as usize])
    }

    fn position_of(&self, place: u64) -> u64 {
        let inverse = self.to_position.get_or_init(|| {
            let mut inverse = vec![0; self.to_place.len()];
            for (position, place) in self.to_place.iter().enumerate() {
                inverse[*place as usize] = position as u32;
            }
            inverse
        });
        self.start + u64::from(inverse[(place - self.start) as usize])
    }
}

fn turns(seed: Option<u64>, epoch: u64, shards: usize) -> Vec<usize> {
    match seed {
        Some(seed) => {
            let mut rng = KeyedRng::new(seed, epoch, 0, Operation::Shards);
            rng.permutation(shards).into_iter().map(|shard| shard as usize).collect()
        }
        None => (0..shards).collect(),
    }
}

fn check(shards: &[Range<SampleId>], window: usize) -> Result<(), DataError> {
    let refuse = |field, value, expected: &str| {
        Err(DataError::Setting { field, value, expected: expected.to_owned() })
    };
    if window == 0 {
        return refuse("window", "0".to_owned(), "at least one shard");
    }
    let mut end = 0;
    for shard in shards {
        if shard.start < end || shard.end < shard.start {
            let expected = "ascending ranges of sample ids that do not overlap";
            return refuse("shards", format!("{shard:?}"), expected);
        }
        end = shard.end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five shards of different sizes, one of them empty, with gaps between them.
    fn shards() -> Vec<Range<SampleId>> {
        vec![3..10, 10..10, 20..25, 25..37, (1 << 40)..(1 << 40) + 4]
    }

    fn all(order: &Order) -> Vec<SampleId> {
        order.ids(0..u64::MAX)
    }

    #[test]
    fn each_sample_comes_once_and_every_position_inverts() {
        let ascending: Vec<SampleId> = shards().into_iter().flatten().collect();
        for window in [1, 2, 3, 100] {
            let order = Order::shuffled(7, 2, &shards(), window).unwrap();
            let ids = all(&order);
            assert_ne!(ids, ascending);
            for (position, id) in ids.iter().enumerate() {
                assert_eq!(order.position(*id), Some(position as u64));
                assert_eq!(order.ids(position as u64..position as u64 + 1), [*id]);
            }
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, ascending);
            assert_ne!(ids, all(&Order::shuffled(7, 3, &shards(), window).unwrap()));
            assert_eq!(order.position(12), None);
        }
        assert_eq!(all(&Order::ascending(&shards()).unwrap()), ascending);
    }

    #[test]
    fn one_shard_is_one_permutation_of_its_samples() {
        let expected = KeyedRng::new(5, 9, 0, Operation::Shuffle).permutation(1000);
        let order = Order::shuffled(5, 9, std::slice::from_ref(&(0..1000)), 8).unwrap();
        assert_eq!(all(&order), expected.into_iter().map(SampleId::from).collect::<Vec<_>>());
    }

    #[test]
    fn a_window_stays_among_its_shards() {
        let shards: Vec<Range<SampleId>> =
            (0..6).map(|shard| shard * 10..shard * 10 + 10).collect();
        let ids = all(&Order::shuffled(1, 1, &shards, 2).unwrap());
        let mut seen = Vec::new();
        for group in ids.chunks(20) {
            let of: std::collections::BTreeSet<u64> = group.iter().map(|id| id / 10).collect();
            assert_eq!(of.len(), 2, "{group:?}");
            seen.extend(of);
        }
        assert_ne!(seen, [0, 1, 2, 3, 4, 5], "shards come in an order of their own");
    }

    #[test]
    fn bad_shards_and_windows_are_refused() {
        let overlapping = [0..5, 4..9];
        assert!(Order::ascending(&overlapping).unwrap_err().to_string().contains("`shards`"));
        let backwards = std::slice::from_ref(&Range { start: 5, end: 4 });
        assert!(Order::ascending(backwards).is_err());
        let huge = std::slice::from_ref(&(0..(1 << 33)));
        assert!(Order::shuffled(1, 1, huge, 1).unwrap_err().to_string().contains("2^32"));
        assert!(Order::shuffled(1, 1, &shards(), 0).is_err());
        assert!(all(&Order::shuffled(1, 1, &[], 1).unwrap()).is_empty());
    }
}
