//! What a package claims about itself does not decide how much memory reading it takes. A test of its own, for its own process.

mod common;

use common::limits;
use std::io::{Cursor, Write};
use youji_package::Package;
use zip::write::SimpleFileOptions;

/// The most memory that this process ever held, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_entry_that_inflates_to_more_than_it_declares_is_not_inflated_further() {
    const MIB: usize = 64;
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("common/a.txt", SimpleFileOptions::default()).unwrap();
    let piece = vec![0; 1 << 20];
    (0..MIB).for_each(|_| writer.write_all(&piece).unwrap());
    let plain = writer.finish().unwrap().into_inner();
    let mut bytes = common::with_block(plain);
    let central = bytes.windows(4).position(|window| window == [0x50, 0x4b, 1, 2]).unwrap();
    for at in [22, central + 24] {
        bytes[at..at + 4].copy_from_slice(&10_u32.to_le_bytes());
    }
    let before = peak();
    let error = Package::open(&bytes, &limits()).unwrap_err().to_string();
    assert!(error.contains("common/a.txt") && error.contains("10 bytes"), "{error}");
    let grown = peak() - before;
    assert!(grown < 8 << 10, "reading it took {grown} KiB of memory");
}
