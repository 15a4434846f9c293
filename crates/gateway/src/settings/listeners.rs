//! The settings about listeners.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{
    arguments::ServeArguments, document::SettingsTable, listen_address::ListenAddress,
    problem::ProblemReport, socket_mode::SocketMode,
};
use crate::limits;

/// The default address for clients.
const CLIENTS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// The default address for operators.
const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);

/// The settings about listeners.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListenerSettings {
    /// Where operators are served: health and metrics. At least one address.
    pub admin: Vec<ListenAddress>,
    /// Where clients are served. At least one address.
    pub clients: Vec<ListenAddress>,
    /// Who may connect to the unix sockets.
    pub socket_mode: SocketMode,
}

/// What a configuration file has of these settings.
#[derive(Clone, Debug, Default)]
pub(super) struct ListenerFields {
    pub(super) admin: Option<Vec<ListenAddress>>,
    pub(super) clients: Option<Vec<ListenAddress>>,
    socket_mode: Option<SocketMode>,
}

impl ListenerFields {
    pub(super) fn read(
        table: &mut SettingsTable<'_>,
        report: &mut ProblemReport,
    ) -> ListenerFields {
        let mut addresses = |name| {
            let field = table.take(name)?;
            Some(field.one_or_list(limits::LISTEN_ADDRESSES, report))
        };
        let (admin, clients) = (addresses("admin_listen"), addresses("listen"));
        let mode = table.take("unix_socket_mode");
        ListenerFields { admin, clients, socket_mode: mode.and_then(|field| field.parse(report)) }
    }
}

/// Why there cannot be these listeners.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidListeners {
    /// Two listeners have the same address.
    #[error("two listeners cannot both use {address}")]
    Shared {
        /// The address.
        address: ListenAddress,
    },
    /// There are too many addresses.
    #[error("--{flag} must name at most {} addresses", limits::LISTEN_ADDRESSES)]
    TooMany {
        /// The flag of the addresses.
        flag: &'static str,
    },
}

impl ListenerSettings {
    /// Flags take precedence over the file, and the file over defaults.
    pub(super) fn new(
        arguments: &ServeArguments,
        file: ListenerFields,
    ) -> Result<ListenerSettings, InvalidListeners> {
        let or = |flag: &Option<Vec<_>>, file, standard| {
            flag.clone().or(file).unwrap_or_else(|| vec![ListenAddress::Tcp(standard)])
        };
        let settings = ListenerSettings {
            admin: or(&arguments.admin_listen, file.admin, ADMIN),
            clients: or(&arguments.listen, file.clients, CLIENTS),
            socket_mode: arguments.unix_socket_mode.or(file.socket_mode).unwrap_or_default(),
        };
        settings.check()?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), InvalidListeners> {
        for (flag, addresses) in [("admin-listen", &self.admin), ("listen", &self.clients)] {
            if limits::LISTEN_ADDRESSES < addresses.len() {
                return Err(InvalidListeners::TooMany { flag });
            }
        }
        let mut others = self.all();
        while let Some((_, address)) = others.next() {
            if others.clone().any(|(_, other)| other.collides_with(address)) {
                return Err(InvalidListeners::Shared { address: address.clone() });
            }
        }
        Ok(())
    }

    /// All addresses, each with its flag.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, &ListenAddress)> + Clone {
        let clients = self.clients.iter().map(|address| ("listen", address));
        clients.chain(self.admin.iter().map(|address| ("admin-listen", address)))
    }

    /// Whether TLS is spoken at any of the addresses.
    pub(crate) fn has_tls(&self) -> bool {
        self.all().any(|(_, address)| address.is_tls())
    }
}
