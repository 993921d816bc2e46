//! What a connection costs that waits: memory and descriptors of the relay's process for each of 1,000 and of 5,000
//! readers whose get waits, beside those of the floor's for as many that have echoed once.

use crate::floor::Floor;
use crate::relay::{Relay, queue};
use crate::relay_client::Client;
use crate::rounds::{Setup, descriptors, memory_bytes, round};
use crate::table::{Bound, Row, Table};
use truceline::wire::limit::GET_COUNT_MAX;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

const CONNECTIONS: [usize; 2] = [1_000, 5_000];
/// Connections that are made at once.
const AT_ONCE: usize = 32;

async fn waiting(relay: &Relay, count: usize) -> anyhow::Result<Vec<Client>> {
    let (mut clients, mut tasks) = (Vec::new(), tokio::task::JoinSet::new());
    for (token, number) in relay.tokens(count)?.into_iter().zip(0..) {
        let place = relay.place().clone();
        tasks.spawn(async move {
            let (mut client, reply) = Client::open(&place, &queue(number), token).await;
            anyhow::ensure!(matches!(reply, Reply::Serving { .. }), "an opening was answered {reply:?}");
            client.send(Request::Get { from: 0, count: GET_COUNT_MAX, wait_ms: 120_000 }, None).await?;
            anyhow::Ok(client)
        });
        while tasks.len() >= AT_ONCE {
            clients.extend(tasks.join_next().await.transpose()?.transpose()?);
        }
    }
    while let Some(client) = tasks.join_next().await {
        clients.push(client??);
    }
    Ok(clients)
}

/// Memory and descriptors of a process.
fn held(pid: u32) -> anyhow::Result<[f64; 2]> {
    Ok([memory_bytes(pid)? / 1024.0, descriptors(pid)?])
}

pub async fn idle(setup: &Setup, table: &mut Table) -> anyhow::Result<()> {
    for count in CONNECTIONS {
        let floor = Floor::start(setup)?;
        let before = held(floor.pid())?;
        let mut echoes = floor.connect(count, false).await?;
        round(&mut echoes, 1, 1).await?;
        let floors = [0, 1].map(|at| held(floor.pid()).map(|held| (held[at] - before[at]) / count as f64));
        drop((echoes, floor));
        let relay = Relay::start(setup)?;
        let before = held(relay.pid())?;
        let clients = waiting(&relay, count).await?;
        let ours = [0, 1].map(|at| held(relay.pid()).map(|held| (held[at] - before[at]) / count as f64));
        drop(clients);
        let names = ["memory", "descriptors"].into_iter().zip(["KiB", "files"]);
        for (((what, unit), ours), floor) in names.zip(ours).zip(floors) {
            let (ours, floor) = (ours?, floor?);
            table.push(Row {
                what: format!("idle: {what} of each of {count} connections"),
                ratio: ours / floor,
                bound: Bound::AtMost(1.3),
                figures: [ours, floor],
                unit,
                beside: "the bare TLS floor".to_owned(),
            });
        }
    }
    Ok(())
}
