//! The operator's side of `dms-proxy serve`: started where `[admin]` is there.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::settings::{SettingArguments, url_warnings};
use crate::admin::{self, AdminListener, Operator, OperatorParts, Order};
use crate::config::{Config, Effective};
use crate::listener::Listener;
use crate::target::TargetPlace;
use crate::telemetry::Logging;

/// What an operator sees and asks, if anything.
pub(super) struct AdminSide {
    pub(super) operator: Option<Arc<Operator>>,
    orders: Option<mpsc::Receiver<Order>>,
    address: Option<std::net::SocketAddr>,
}

impl AdminSide {
    /// Listens, and looks after figures from now on.
    ///
    /// # Errors
    /// The address is taken, or a file cannot be used.
    pub(super) fn start(
        (config, in_force): (&Config, &Effective),
        settings: &SettingArguments,
        listener: &Listener,
        (inherited, logging): (Option<std::net::TcpListener>, &Logging),
    ) -> io::Result<AdminSide> {
        let Some(admin) = config.admin.clone() else {
            if inherited.is_some() {
                let message = "the socket \"admin\" of systemd needs the section [admin]";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
            return Ok(AdminSide { operator: None, orders: None, address: None });
        };
        let (common, target) = listener.common_and_target();
        let is_embedded = config.target.url.place == TargetPlace::Embedded;
        let parts = OperatorParts {
            target,
            common,
            effective: in_force.clone(),
            warnings: config.warnings.iter().cloned().chain(url_warnings(config)).collect(),
            embedded_by_default: is_embedded && !settings.names_target(),
            lost_lines: logging.lines().lost_in_all(),
        };
        let (operator, orders) = Operator::new(config, admin, parts)?;
        operator.set_listens(listener.address()?.to_string());
        let operator = Arc::new(operator);
        let http = AdminListener::bind(&operator, inherited)?;
        let address = http.as_ref().map(AdminListener::address);
        admin::serve(&operator, http)?;
        listener.set_operator(Arc::clone(&operator));
        Ok(AdminSide { operator: Some(operator), orders: Some(orders), address })
    }

    /// Says where it listens.
    pub(super) fn announce(&self) {
        if let Some(address) = self.address {
            tracing::info!(event = "listening", %address, "admin listening on {address}");
        }
    }

    /// The next order; does not complete where there is no such side.
    pub(super) async fn next_order(&mut self) -> Order {
        if let Some(orders) = &mut self.orders
            && let Some(order) = orders.recv().await
        {
            return order;
        }
        std::future::pending().await
    }
}
