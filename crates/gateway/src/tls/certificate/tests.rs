//! Which files make a certificate that can be served.

use std::fs;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use super::*;

/// A directory with the files of a certificate.
struct WrittenCertificate {
    directory: TempDir,
    paths: CertificateFiles,
}

impl WrittenCertificate {
    /// A certificate that counts until the end of this year.
    fn until(year: i32) -> WrittenCertificate {
        let directory = tempfile::tempdir().unwrap();
        let path = |name| directory.path().join(name);
        let paths = CertificateFiles { certificate: path("chain.pem"), key: path("key.pem") };
        let (certificate, key) = signed(year);
        fs::write(&paths.certificate, certificate).unwrap();
        fs::write(&paths.key, key).unwrap();
        WrittenCertificate { directory, paths }
    }

    fn read(&self) -> Result<ServedCertificate, InvalidCertificate> {
        ServedCertificate::read(&self.paths)
    }

    /// What is said about the files, without the directory.
    #[track_caller]
    fn refusal(&self) -> String {
        let error = self.read().unwrap_err();
        let directory = format!("{}/", self.directory.path().display());
        crate::ops::printed_text::chain(&error).replace(&directory, "")
    }
}

/// A certificate and its private key, in PEM.
fn signed(year: i32) -> (String, String) {
    let mut parameters = CertificateParams::new(["gateway.example".to_owned()]).unwrap();
    parameters.not_after = date_time_ymd(year, 12, 31);
    let key = KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn a_certificate_with_its_key_is_served_until_it_expires() {
    let certificate = WrittenCertificate::until(2030).read().unwrap();
    assert_eq!(certificate.expiry().to_string(), "2030-12-31T00:00:00Z");
    let not_after = certificate.not_after();
    assert_eq!(not_after.as_secs(), 1_924_905_600);
    assert!(!certificate.has_expired(not_after));
    assert!(certificate.has_expired(not_after + Duration::from_secs(1)));
}

#[test]
fn an_expired_certificate_can_be_read() {
    assert!(
        WrittenCertificate::until(2001)
            .read()
            .unwrap()
            .has_expired(Duration::from_secs(1_700_000_000))
    );
}

#[test]
fn a_chain_counts_until_its_first_certificate_expires() {
    let files = WrittenCertificate::until(2040);
    let chain = fs::read_to_string(&files.paths.certificate).unwrap() + &signed(2033).0;
    fs::write(&files.paths.certificate, chain).unwrap();
    assert_eq!(files.read().unwrap().expiry().to_string(), "2033-12-31T00:00:00Z");
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let files = WrittenCertificate::until(2030);
    fs::write(&files.paths.key, signed(2030).1).unwrap();
    let refusal = files.refusal();
    let expected = "the key of key.pem cannot be used with the certificate of chain.pem: ";
    assert!(refusal.starts_with(expected), "{refusal}");
}

#[test]
fn files_that_have_something_else_are_refused_and_not_shown() {
    let files = WrittenCertificate::until(2030);
    let CertificateFiles { certificate, key } = &files.paths;
    let (chain, pem) = (fs::read(certificate).unwrap(), fs::read_to_string(key).unwrap());
    let refused = |path: &Path, bytes: &[u8], expected: &str| {
        let before = fs::read(path).unwrap();
        fs::write(path, bytes).unwrap();
        assert_eq!(files.refusal(), expected);
        fs::write(path, before).unwrap();
    };
    let none = "chain.pem must have 1 to 10 certificates in PEM, but has 0";
    refused(certificate, b"", none);
    refused(certificate, pem.as_bytes(), none);
    let many = "chain.pem must have 1 to 10 certificates in PEM, but has 11";
    refused(certificate, &chain.repeat(11), many);
    let malformed = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    refused(certificate, malformed, "chain.pem has a malformed certificate");
    let cut = &chain[..chain.len() / 2];
    refused(certificate, cut, "chain.pem is not PEM");
    refused(key, b"secret", "key.pem has no private key in PEM");
    refused(key, &chain, "key.pem has no private key in PEM");
    refused(key, &pem.as_bytes()[..pem.len() / 2], "key.pem is not PEM");
    let large = vec![b'\n'; usize::try_from(limits::CERTIFICATE_BYTES).unwrap() + 1];
    refused(key, &large, "key.pem is larger than 262144 bytes");
    fs::remove_file(key).unwrap();
    assert!(files.refusal().starts_with("key.pem cannot be read: "), "{}", files.refusal());
}

#[test]
fn the_private_key_is_in_no_text() {
    let files = WrittenCertificate::until(2030);
    let shown = format!("{:?}", files.read().unwrap());
    assert!(shown.starts_with("ServedCertificate { expiry: "), "{shown}");
    assert!(shown.len() < 200, "{shown}");
}
