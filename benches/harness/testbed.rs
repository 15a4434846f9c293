//! What every part of the harness works with.

use std::path::Path;

use crate::{
    error::HarnessError,
    gateway::{ConfiguredLimits, GatewayProcess, GatewayProgram},
    scratch::ScratchDirectory,
};

/// The gateway that is measured, and the directory for its data.
pub(crate) struct Testbed {
    pub(crate) scratch: ScratchDirectory,
    pub(crate) gateway: GatewayProgram,
}

impl Testbed {
    /// Measures the gateway at `gateway`, or the one beside this program, below `parent`.
    pub(crate) fn new(
        gateway: Option<&Path>,
        parent: Option<&Path>,
    ) -> Result<Testbed, HarnessError> {
        let scratch = ScratchDirectory::new(parent)?;
        let gateway = GatewayProgram::new(gateway, scratch.path())?;
        Ok(Testbed { scratch, gateway })
    }

    /// Starts the gateway on this directory, with limits that no load reaches.
    pub(crate) fn start(&self, data: &Path) -> Result<GatewayProcess, HarnessError> {
        self.gateway.start(data, ConfiguredLimits::Raised)
    }
}
