//! The share of each batch that one of several processes takes.

use std::ops::Range;

use crate::DataError;

/// One of several processes that share each batch, by its rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Number of the process, from 0.
    pub rank: usize,
    /// Number of processes.
    pub world: usize,
}

impl Part {
    /// The only process, which takes whole batches.
    pub fn whole() -> Self {
        Self { rank: 0, world: 1 }
    }

    /// Where this process's samples lie in a batch of `len`: contiguous, and empty for the last ranks of a batch
    /// with fewer samples than processes.
    ///
    /// # Errors
    /// [`DataError::Setting`] unless `rank` is below `world`.
    pub fn of(&self, len: usize) -> Result<Range<usize>, DataError> {
        if self.rank >= self.world {
            return Err(DataError::Setting {
                field: "rank",
                value: self.rank.to_string(),
                expected: format!("a number below the {} processes", self.world),
            });
        }
        Ok(share(len, self.rank, self.world))
    }
}

/// The range of one of `parts` contiguous parts of `len` things, the first ones larger by one where they are uneven.
pub(crate) fn share(len: usize, part: usize, parts: usize) -> Range<usize> {
    let (size, larger) = (len / parts, len % parts);
    let start = part * size + part.min(larger);
    start..start + size + usize::from(part < larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_ranks_are_the_batch() {
        for (len, world) in [(7, 3), (8, 2), (2, 5), (0, 2), (9, 1)] {
            let parts = (0..world).map(|rank| Part { rank, world }.of(len).unwrap());
            assert_eq!(parts.flatten().collect::<Vec<_>>(), (0..len).collect::<Vec<_>>());
        }
        assert_eq!(Part::whole().of(5).unwrap(), 0..5);
    }

    #[test]
    fn a_rank_beyond_the_world_is_refused() {
        for (rank, world) in [(2, 2), (0, 0)] {
            let error = Part { rank, world }.of(4).unwrap_err().to_string();
            assert!(error.contains("`rank` is"), "{error}");
        }
    }
}
