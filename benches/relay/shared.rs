//! A relay whose store PostgreSQL keeps, on a server and a synchronous standby, beside one with a file of its own. Left out
//! where the servers' programs are not installed.

use crate::cluster::{Cluster, programs};
use crate::load::row;
use crate::relay::{Does, Relay};
use crate::rounds::{Setup, compare};
use crate::table::{Bound, Row, Table};

/// Both beside each other.
pub async fn shared(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    if programs().is_none() {
        eprintln!("shared: PostgreSQL is not installed");
        return Ok(());
    }
    let cluster = Cluster::start_in(&setup.dir, 1);
    let mut shared = Relay::start_changed(setup, |folder| {
        let config = folder.join("relay.toml");
        let store = format!("store = \"{}\"\nstore_ca = \"servers.pem\"\n", cluster.url());
        std::fs::write(&config, std::fs::read_to_string(&config)? + &store)?;
        std::fs::copy(cluster.certificate(), folder.join("servers.pem"))?;
        Ok(())
    })?;
    let mut own = Relay::start(setup)?;
    for (pairs, window) in [(1, 1), (16, 16), (128, 16)] {
        let mut theirs = shared.pairs(pairs, Does::Put).await?;
        let mut ours = own.pairs(pairs, Does::Put).await?;
        for does in [Does::Put, Does::PutAndTake] {
            theirs.iter_mut().chain(&mut ours).for_each(|pair| pair.set(does));
            let compared = compare(setup, &mut theirs, &mut ours, window).await?;
            let row = row(pairs, window, does, &compared);
            let what = row.what.replacen("relay", "relay on PostgreSQL", 1);
            let beside = "the same on a file of its own".to_owned();
            table.push(Row { what, bound: Bound::Open, beside, ..row });
        }
    }
    Ok(())
}
