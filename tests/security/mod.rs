//! What a lesser role can put in the way of a greater one that passes through the proxy, or runs its
//! commands: none of it may run with the greater one's rights.
//!
//! In each test the lesser role plants code that makes it a superuser, and the greater one, the
//! superuser of the shared server, does what it would do anyway.

mod close_out;
mod ledger;
mod planted;
mod rejects;
mod target;

use crate::close_out::{Target, dms_proxy};
use crate::support::{Cluster, Database, Endpoint, Proxy};

/// A database, and a role in it that has no rights but those that a test gives it.
struct Scene {
    database: Database,
    lesser: String,
}

impl Scene {
    fn new() -> Scene {
        let database = Cluster::shared().create_database();
        let lesser = format!("lesser_{}", database.endpoint().database);
        database.query(&format!("CREATE ROLE {lesser} LOGIN"));
        Scene { database, lesser }
    }

    /// Runs statements past the proxy, by the superuser, `{lesser}` filled in.
    fn query(&self, sql: &str) -> Vec<Vec<String>> {
        self.database.query(&sql.replace("{lesser}", &self.lesser))
    }

    /// Runs statements past the proxy, by the lesser role.
    fn as_lesser(&self, sql: &str) -> Vec<Vec<String>> {
        let target = Target::shared(&self.database);
        let target = target.as_user(&self.lesser);
        target.query(&sql.replace("{lesser}", &self.lesser))
    }

    /// A function body that makes the lesser role a superuser if it runs as one, and returns this.
    fn evil(&self, returns: &str) -> String {
        format!(
            "BEGIN BEGIN ALTER ROLE {} SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END; \
             RETURN {returns}; END",
            self.lesser
        )
    }

    fn target(&self) -> Target<'static> {
        Target::shared(&self.database)
    }

    fn through(&self, proxy: &Proxy) -> Endpoint {
        proxy.endpoint(self.database.endpoint())
    }

    fn through_as_lesser(&self, proxy: &Proxy) -> Endpoint {
        Endpoint { user: self.lesser.clone(), ..self.through(proxy) }
    }

    fn assert_lesser(&self, when: &str) {
        let sql = format!("SELECT rolsuper FROM pg_roles WHERE rolname = '{}'", self.lesser);
        assert_eq!(self.query(&sql), [["f"]], "the lesser role is a superuser: {when}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.query("DROP OWNED BY {lesser} CASCADE; DROP ROLE {lesser}");
        }
    }
}
