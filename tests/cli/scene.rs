//! Two officers whose channel stands, made by the library: the commands that make one have tests of their own.

use crate::officer::Officer;
use crate::relay::Relay;
use truceline::host::vault::PassphraseCost;
use truceline::officer::engine::Channel;
use truceline::officer::introduce::RelayLeave;
use truceline::officer::thread::Stage;
use truceline::party::card::PartyName;
use truceline::party::relay::RelayLine;
use truceline::service::officer::OfficerService;
use truceline::service::sync::{SyncOptions, fetch_offer};
use truceline::session::invite::UntrustedInvite;
use truceline::time::Millis;
use truceline::wire::pass::Pass;

/// A relay, and two officers who have confirmed their words there.
pub struct Scene {
    pub relay: Relay,
    pub velmara: Officer,
    pub tarrun: Officer,
}

/// An officer's vault, opened by the library.
pub struct Desk {
    pub service: OfficerService,
    pub thread: u32,
}

impl Desk {
    pub fn create(officer: &Officer, name: &str) -> Self {
        let cost = PassphraseCost::LEAST;
        let name = PartyName::parse(name).unwrap();
        let service = OfficerService::create(&officer.vault, crate::officer::PASSPHRASE, name, cost).unwrap();
        Self { service, thread: 0 }
    }

    pub fn open(officer: &Officer) -> Self {
        let service = OfficerService::open(&officer.vault, crate::officer::PASSPHRASE).unwrap();
        let thread = service.officer().channels().next().map_or(0, |channel| channel.number);
        Self { service, thread }
    }

    pub fn channel(&self) -> &Channel {
        self.service.officer().channel(self.thread).unwrap()
    }

    pub async fn sync(&mut self) {
        let (options, _stop) = SyncOptions::once();
        let report = self.service.sync(&options, &mut |_, _| {}).await.unwrap();
        assert!(report.reached, "{:?}", report.troubles);
    }
}

pub fn leave(relay: &Relay) -> RelayLeave {
    let RelayLine { place, deposit } = RelayLine::parse(&relay.place).unwrap();
    RelayLeave { place, deposit, pass: Pass::parse(&relay.pass()).unwrap() }
}

pub fn run<T>(act: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(act)
}

/// Brings two vaults to a channel with confirmed words, over these relays for both.
pub async fn introduce(inviter: &mut Desk, joiner: &mut Desk, relays: &[&Relay], labels: [&str; 2]) {
    let leaves = || relays.iter().map(|relay| leave(relay)).collect::<Vec<_>>();
    let [inviters, joiners] = labels.map(str::to_owned);
    let expires = inviter.service.now().plus(Millis::days(2));
    let ours = leaves();
    inviter.thread = inviter
        .service
        .command(|officer, now, rng| officer.invite(inviters, &ours, expires, now, rng))
        .unwrap();
    inviter.sync().await;
    let Stage::Inviting(inviting) = &inviter.channel().thread.stage else { panic!("no invite") };
    let invite = UntrustedInvite::parse(&inviting.line).unwrap().verify(joiner.service.now()).unwrap();
    let offer = fetch_offer(&invite, None, crate::relay::DEADLINE).await.unwrap();
    let theirs = leaves();
    joiner.thread = joiner
        .service
        .command(|officer, now, rng| officer.join(joiners, &invite, &offer, &theirs, now, rng))
        .unwrap();
    for _ in 0..2 {
        joiner.sync().await;
        inviter.sync().await;
    }
    let words = joiner.channel().session().unwrap().words().to_string();
    for side in [&mut *inviter, &mut *joiner] {
        let thread = side.thread;
        side.service.command(|officer, now, rng| officer.confirm_words(thread, &words, now, rng)).unwrap();
        side.sync().await;
    }
    inviter.sync().await;
    joiner.sync().await;
}

impl Scene {
    /// Velmara invited, Tarrun joined, both confirmed the words. Receipts go without delay.
    pub fn new() -> Self {
        Self::on(Relay::new())
    }

    pub fn on(relay: Relay) -> Self {
        let (velmara, tarrun) = (Officer::without_vault(), Officer::without_vault());
        run(async {
            let mut one = Desk::create(&velmara, "Velmara");
            let mut two = Desk::create(&tarrun, "Tarrun");
            for side in [&mut one, &mut two] {
                let mut settings = side.service.officer().settings().clone();
                settings.without_delay();
                side.service.command(|officer, _, _| Ok(((), officer.set_settings(settings)))).unwrap();
            }
            introduce(&mut one, &mut two, &[&relay], ["tarrun", "velmara"]).await;
        });
        Self { relay, velmara, tarrun }
    }
}
