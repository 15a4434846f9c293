//! Development mode: something to talk to without configuring anything.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

use profile_protocol::CompanyId;

use crate::{
    companies::{Company, Key},
    private_key::{NoRandomness, PrivateKey},
    quota::Limits,
    scope::Scopes,
};

/// What is made up at the start when there is no configuration file.
#[derive(Debug)]
pub struct Development {
    /// The one company.
    pub company: CompanyId,
    /// A key of that company that allows everything, until the process ends.
    pub private_key: PrivateKey,
}

impl Development {
    /// Makes up a company, and a private key for it.
    pub(super) fn invent() -> Result<(Development, Company), NoRandomness> {
        let private_key = PrivateKey::id_generator()?;
        let id: CompanyId = "DEMO01".parse().expect("DEMO01 is a company id");
        let key = Key {
            name: "development".parse().expect("development is a key's name"),
            digest: private_key.digest(),
            scopes: Scopes::all(),
        };
        let company = Company {
            id: id.clone(),
            allowed_origins: None,
            limits: Limits::default(),
            api_limits_factor: NonZeroU32::MIN,
            signed_identity: None,
            rules: Arc::default(),
            keys: Box::new([key]),
        };
        Ok((Development { company: id, private_key }, company))
    }

    /// What to show whoever started the gateway, which listens at this address.
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
