//! Decodes sFlow datagrams for a C program, without an allocator.
#![no_std]

use core::panic::PanicInfo;
use core::slice;

use sflow_v5::Datagram;

/// The number of samples in a datagram, or -1 if it is not sFlow version 5.
///
/// # Safety
///
/// `bytes` points to `length` initialised bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sflow_samples(bytes: *const u8, length: usize) -> isize {
    // SAFETY: the caller keeps the promise above.
    let bytes = unsafe { slice::from_raw_parts(bytes, length) };
    match Datagram::parse(bytes) {
        Ok(datagram) => datagram.samples().count() as isize,
        Err(_) => -1,
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
