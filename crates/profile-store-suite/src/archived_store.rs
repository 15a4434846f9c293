//! Data directories that the release with layout 5 wrote, kept as archives among the tests of the
//! store.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// A file that belongs to an archive: `clean`, `killed` or `empty`.
pub fn file(name: &str, file: &str) -> PathBuf {
    let archives = "../profile-store/tests/golden/layout-5-archives";
    Path::new(env!("CARGO_MANIFEST_DIR")).join(archives).join(name).join(file)
}

/// Unpacks an archive into a directory.
pub fn unpack(name: &str, directory: &Path) {
    let packed = fs::read(file(name, "data.tar.zst")).unwrap();
    let mut archive = Vec::with_capacity(8 << 20);
    zstd_safe::decompress(&mut archive, &packed).unwrap();
    unpack_ustar(&archive, directory);
}

/// Unpacks an archive of the ustar format, with names of up to 100 bytes.
fn unpack_ustar(mut archive: &[u8], directory: &Path) {
    const BLOCK: usize = 512;
    while let Some((header, rest)) = archive.split_at_checked(BLOCK) {
        let text = |range: Range<usize>| {
            let field = header[range].split(|byte| *byte == 0).next().unwrap();
            std::str::from_utf8(field).unwrap().trim()
        };
        let path = directory.join(text(0..100));
        if text(0..100).is_empty() {
            return;
        }
        let size = usize::from_str_radix(text(124..136), 8).unwrap();
        match header[156] {
            b'5' => fs::create_dir_all(path).unwrap(),
            b'0' => fs::write(path, &rest[..size]).unwrap(),
            other => panic!("an entry of type {other}"),
        }
        archive = &rest[size.next_multiple_of(BLOCK)..];
    }
}
