//! The settings about the certificate.

use std::path::PathBuf;

use super::{arguments::ServeArguments, document::SettingsTable, problem::ProblemReport};
use crate::tls::certificate::{CertificateFiles, InvalidCertificate, ServedCertificate};

/// What a configuration file has of these settings.
#[derive(Clone, Debug, Default)]
pub(super) struct CertificateFields {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl CertificateFields {
    pub(super) fn read(
        table: &mut SettingsTable<'_>,
        report: &mut ProblemReport,
    ) -> CertificateFields {
        let table = table.take("tls").and_then(|field| field.table(report));
        let Some(mut table) = table else { return CertificateFields::default() };
        let mut path = |name| table.require(name, report).and_then(|field| field.file(report));
        let fields = CertificateFields { certificate: path("certificate"), key: path("key") };
        table.finish(report);
        fields
    }
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Only one of its two files is named.
    #[error("a certificate needs two files: --tls-certificate and --tls-key")]
    Incomplete,
    /// One of its files is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidCertificate),
}

/// Reads the certificate, if one is named. Flags take precedence over the file.
pub(super) fn read_certificate(
    arguments: &ServeArguments,
    file: CertificateFields,
) -> Result<Option<ServedCertificate>, CertificateError> {
    let certificate = arguments.tls_certificate.clone().or(file.certificate);
    let key = arguments.tls_key.clone().or(file.key);
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            Ok(Some(ServedCertificate::read(&CertificateFiles { certificate, key })?))
        }
        (Some(_), None) | (None, Some(_)) => Err(CertificateError::Incomplete),
    }
}
