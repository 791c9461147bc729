//! Losses of what the networks have inside.

pub(crate) mod attention;
pub(crate) mod correlation;
pub(crate) mod crd;
pub(crate) mod hint;
mod maps;
pub(crate) mod nst;
pub(crate) mod overhaul;
pub(crate) mod pkt;
pub(crate) mod review;
pub(crate) mod rkd;
pub(crate) mod similarity;
pub(crate) mod vid;
