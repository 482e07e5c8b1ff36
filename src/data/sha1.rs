//! SHA-1, which ONNX names as the checksum of files with weights. It guards against mistakes, not
//! against forgery: what a result is about is named by SHA-256.

use sha1::{Digest, Sha1};

/// The digest as 40 hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::hex;

    #[test]
    fn published_values() {
        assert_eq!(hex(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(hex(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }
}
