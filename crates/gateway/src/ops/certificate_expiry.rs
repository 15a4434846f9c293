//! Says in the log until when the certificate counts.

use crate::{
    limits, settings::ServerSettings, state::GatewayState, tls::certificate::ServedCertificate,
};

/// Logs until when the certificate counts, if there is one: as a warning if that is soon.
pub(crate) fn report(gateway: &GatewayState, settings: &ServerSettings) {
    let Some(certificate) = gateway.certificate() else { return };
    report_expiry(gateway, &certificate);
    if !settings.listeners.has_tls() {
        tracing::warn!("the certificate is not used: no address begins with https://");
    }
}

fn report_expiry(gateway: &GatewayState, certificate: &ServedCertificate) {
    let (not_after, now) = (certificate.expiry(), gateway.clock.unix_time());
    if certificate.has_expired(now) {
        tracing::warn!(%not_after, "the TLS certificate has expired; clients refuse it");
    } else if certificate.has_expired(now.saturating_add(limits::CERTIFICATE_NOTICE)) {
        tracing::warn!(%not_after, "the TLS certificate expires soon");
    } else {
        tracing::info!(%not_after, "loaded the TLS certificate");
    }
}
