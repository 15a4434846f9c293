//! Development mode: one generated company, without a configuration file.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

use profile_protocol::CompanyId;
use profile_store::NoEntropy;

use crate::{
    capacity::network_limiter::default_network_limits,
    limits,
    tenants::{
        directory::{Company, CompanyKey},
        private_key::PrivateKey,
        scope::KeyScopes,
    },
};

/// The generated company of development mode.
#[derive(Debug)]
pub struct Development {
    /// The id of the company.
    pub company: CompanyId,
    /// A private key of the company with every scope. It is valid until the process ends.
    pub private_key: PrivateKey,
}

impl Development {
    /// Generates the company and a private key for it.
    pub(super) fn generate() -> Result<(Development, Company), NoEntropy> {
        let private_key = PrivateKey::generate()?;
        let id: CompanyId = "DEMO01".parse().expect("DEMO01 is a company id");
        let key = CompanyKey {
            name: "development".parse().expect("development is a key's name"),
            digest: private_key.digest(),
            scopes: KeyScopes::all(),
        };
        let company = Company {
            id: id.clone(),
            allowed_origins: None,
            limits: limits::CLIENT_RATE_LIMIT,
            network_limits: default_network_limits(limits::CLIENT_RATE_LIMIT),
            api_limits_factor: NonZeroU32::MIN,
            signed_identity: None,
            identity: Arc::default(),
            keys: Box::new([key]),
        };
        Ok((Development { company: id, private_key }, company))
    }

    /// The text to show to the operator. The gateway listens at this address.
    pub fn announcement(&self, listening: SocketAddr) -> String {
        let company = &self.company;
        format!(
            "No configuration file: serving company {company} for development.\n\n\
             Private key, until this process ends:\n\n{}\n\n\
             Try it:\n\n\
             curl -i 'http://{listening}/client/profiles?company_id={company}' \\\n  \
             -H 'content-type: application/vnd.api+json' -H 'revision: 2026-07-15' \\\n  \
             -d '{{\"data\":{{\"type\":\"profile\",\"attributes\":\
             {{\"email\":\"sarah@example.com\",\"first_name\":\"Sarah\"}}}}}}'\n",
            self.private_key.reveal(),
        )
    }
}
