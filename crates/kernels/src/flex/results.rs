//! A kernel's result as the memory of a tensor.

use std::mem::MaybeUninit;

use burn_std::{AccessError, AccessPolicy, AllocationController, AllocationProperty, Bytes};

use crate::cpu::Numbers;

/// The bytes of these numbers, which are given back when the last tensor lets go of them.
#[expect(unsafe_code, reason = "Burn asks for a promise that all bytes are there")]
pub(super) fn bytes(numbers: Numbers) -> Bytes {
    let length = size_of_val(&*numbers);
    // SAFETY: all numbers were written.
    unsafe { Bytes::from_controller(Box::new(Controller(numbers)), length) }
}

struct Controller(Numbers);

impl AllocationController for Controller {
    fn alloc_align(&self) -> usize {
        align_of::<f32>()
    }

    fn property(&self) -> AllocationProperty {
        AllocationProperty::Other
    }

    #[expect(unsafe_code, reason = "a view as bytes, as the trait wants it")]
    unsafe fn memory_mut(
        &mut self,
        _policy: AccessPolicy,
    ) -> Result<&mut [MaybeUninit<u8>], AccessError> {
        let length = size_of_val(&*self.0);
        // SAFETY: the numbers' own memory; whoever writes promises to write bytes that are there,
        // and any are an `f32`.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0.as_mut_ptr().cast(), length) })
    }

    #[expect(unsafe_code, reason = "a view as bytes, as the trait wants it")]
    fn memory(&self, _policy: AccessPolicy) -> Result<&[MaybeUninit<u8>], AccessError> {
        let length = size_of_val(&*self.0);
        // SAFETY: the numbers' own memory.
        Ok(unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast(), length) })
    }
}
