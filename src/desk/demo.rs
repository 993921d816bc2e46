//! The demonstration: a relay and two officers on this machine, with real connections, real disks and real
//! keys, told step by step. It does by the library what the commands do; nothing in it is played.

use crate::deal::body::{Accept, Confirm, Content, Note, Offer};
use crate::deal::import::{Sources, proposal_from_toml};
use crate::deal::word::Text;
use crate::desk::demo_handover::Handover;
use crate::desk::demo_relay::DemoRelay;
use crate::desk::demo_text::{self as tell, Telling};
use crate::officer::engine::Channel;
use crate::officer::view::check_export;
use crate::party::card::PartyName;
use crate::party::role::Role;
use crate::service::officer::OfficerService;
use crate::service::sync::{SyncOptions, fetch_offer};
use crate::session::invite::UntrustedInvite;
use crate::statement::header::StatementId;
use crate::statement::list::List;
use crate::time::Millis;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The files of the example, as they are in `examples/`.
pub const EXAMPLES: [(&str, &[u8]); 6] = [
    ("exchange.toml", include_bytes!("../../examples/exchange.toml")),
    ("velmara.csv", include_bytes!("../../examples/velmara.csv")),
    ("tarrun.csv", include_bytes!("../../examples/tarrun.csv")),
    ("counter.toml", include_bytes!("../../examples/counter.toml")),
    ("velmara-counter.csv", include_bytes!("../../examples/velmara-counter.csv")),
    ("tarrun-counter.csv", include_bytes!("../../examples/tarrun-counter.csv")),
];

/// Statements said while the relay is killed.
const BURST: u64 = 40;
/// The relay is killed once its log has grown by about thirty cells.
const KILL_AFTER_BYTES: u64 = 500_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(20);

/// One side: its vault, and its one channel.
pub(crate) struct Side {
    pub(crate) service: OfficerService,
    thread: u32,
}

impl Side {
    pub(crate) fn channel(&self) -> Result<&Channel> {
        self.service.officer().channel(self.thread).context("the channel is not there")
    }

    /// Sends and fetches until nothing moves.
    pub(crate) async fn sync(&mut self) -> Result<()> {
        let (options, _stop) = SyncOptions::once();
        self.service.sync(&options, &mut |_, _| {}).await?;
        Ok(())
    }

    pub(crate) fn say(
        &mut self,
        case: Option<StatementId>,
        content: &Content,
        lists: Vec<List>,
    ) -> Result<StatementId> {
        let thread = self.thread;
        let said =
            self.service.command(|officer, now, rng| officer.say(thread, case, content, lists, now, rng));
        Ok(said?)
    }

    fn heads(&self) -> Result<[(u64, StatementId); 2]> {
        let transcript = &self.channel()?.transcript;
        Ok(Role::BOTH.map(|role| {
            let chain = transcript.chain(role);
            (chain.count(), chain.head(chain.count()))
        }))
    }
}

/// Runs the demonstration in `keep`, or in a new folder; leaves the files there.
///
/// # Errors
/// Whatever went wrong; the files stay where they are.
pub fn run(keep: Option<&Path>) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(play(keep))
}

async fn play(keep: Option<&Path>) -> Result<()> {
    let dir = folder(keep)?;
    let mut tell = Telling::default();
    tell.title();
    let (mut relay, mut velmara, mut tarrun) = prepare(&dir, &mut tell)?;
    introduce(&relay, &mut velmara, &mut tarrun, &mut tell).await?;
    compare_words(&mut velmara, &mut tarrun, &mut tell).await?;
    let case = negotiate(&dir, &mut velmara, &mut tarrun, &mut tell).await?;
    tell.receipts(velmara.channel()?);
    Handover { case, velmara: &mut velmara, tarrun: &mut tarrun }.play(&mut tell).await?;
    kill_the_relay(&mut relay, &mut velmara, &mut tarrun, &mut tell).await?;
    let export = verify(&dir, &velmara, &tarrun, &mut tell)?;
    relay.stop();
    tell.end(&dir, &export);
    Ok(())
}

fn folder(keep: Option<&Path>) -> Result<PathBuf> {
    match keep {
        Some(dir) => {
            ensure!(!dir.exists(), "{} exists: name a folder that does not", dir.display());
            std::fs::create_dir_all(dir)?;
            Ok(dir.canonicalize()?)
        }
        None => Ok(tempfile::Builder::new().prefix("truceline-demo-").tempdir()?.keep()),
    }
}

fn prepare(dir: &Path, tell: &mut Telling) -> Result<(DemoRelay, Side, Side)> {
    tell.step("A relay starts", "It stands on neutral ground, knows nobody, and can open nothing.");
    let relay = DemoRelay::start(&dir.join("relay"))?;
    tell.fact("relay", &relay.relay.place.to_string());
    tell.fact("passes", "two, each leave to open four queues; one for each officer");
    tell.step("Two officers make their vaults", "Everything in a vault is sealed under a passphrase.");
    let passphrase = "a passphrase for a demonstration";
    crate::host::folder::write_private(&dir.join("passphrase"), passphrase.as_bytes())?;
    for (name, bytes) in EXAMPLES {
        std::fs::create_dir_all(dir.join("examples"))?;
        std::fs::write(dir.join("examples").join(name), bytes)?;
    }
    let vault = |name: &str| -> Result<Side> {
        let at = dir.join(name.to_lowercase());
        let mut service = OfficerService::create(
            &at,
            passphrase,
            PartyName::parse(name)?,
            crate::host::vault::PassphraseCost::default(),
        )?;
        // So that the story needs no hour of patience: receipts go at once.
        let mut settings = service.officer().settings().clone();
        settings.without_delay();
        service.command(|officer, _, _| Ok(((), officer.set_settings(settings))))?;
        Ok(Side { service, thread: 0 })
    };
    let (velmara, tarrun) = (vault("Velmara")?, vault("Tarrun")?);
    for side in [&velmara, &tarrun] {
        let card = side.service.officer().identity().card();
        tell.fact(
            card.name().as_str(),
            &format!("its fingerprint begins {}", tell::groups(&card.fingerprint()?.hex())),
        );
    }
    Ok((relay, velmara, tarrun))
}

async fn introduce(
    relay: &DemoRelay,
    velmara: &mut Side,
    tarrun: &mut Side,
    tell: &mut Telling,
) -> Result<()> {
    tell.step("Velmara invites", "The invite is one line, handed over by hand: on paper, or as a QR code.");
    let leave = [relay.leave()?];
    let expires = velmara.service.now().plus(Millis::days(2));
    velmara.thread = velmara
        .service
        .command(|officer, now, rng| officer.invite("Tarrun".into(), &leave, expires, now, rng))?;
    velmara.sync().await?;
    let line = match &velmara.channel()?.thread.stage {
        crate::officer::thread::Stage::Inviting(inviting) => inviting.line.clone(),
        _ => bail!("the invite is not there"),
    };
    tell.quote(&line);
    tell.step("Tarrun joins", "It fetches the sealed offer, checks it against the invite, and answers.");
    let invite = UntrustedInvite::parse(&line)?.verify(tarrun.service.now())?;
    let offer = fetch_offer(&invite, None, CONNECT_WITHIN).await?;
    let leave = [relay.leave()?];
    tarrun.thread = tarrun
        .service
        .command(|officer, now, rng| officer.join("Velmara".into(), &invite, &offer, &leave, now, rng))?;
    for _ in 0..2 {
        tarrun.sync().await?;
        velmara.sync().await?;
    }
    let session = tarrun.channel()?.session().context("the channel does not stand")?;
    tell.fact("channel", &tell::groups(&session.channel.hex()));
    tell.fact("sealed by", "X25519 and ML-KEM-768, ChaCha20-Poly1305; signed by Ed25519 and ML-DSA-65");
    Ok(())
}

async fn compare_words(velmara: &mut Side, tarrun: &mut Side, tell: &mut Telling) -> Result<()> {
    tell.step("They compare twelve words", "By voice. Were anyone between them, the words would differ.");
    let words = |side: &Side| -> Result<String> {
        Ok(side.channel()?.session().context("the channel does not stand")?.words().to_string())
    };
    let (ours, theirs) = (words(velmara)?, words(tarrun)?);
    tell.words("Velmara reads", &ours);
    tell.words("Tarrun reads", &theirs);
    ensure!(ours == theirs, "the words differ");
    for (side, heard) in [(&mut *velmara, &theirs), (&mut *tarrun, &ours)] {
        let thread = side.thread;
        side.service.command(|officer, now, rng| officer.confirm_words(thread, heard, now, rng))?;
        side.sync().await?;
    }
    velmara.sync().await?;
    tarrun.sync().await?;
    tell.fact("confirmed", "by both, as signed statements; from here on proposals have effect");
    Ok(())
}

/// Reads a proposal file of the example for one side.
fn draft(
    dir: &Path,
    file: &str,
    side: &mut Side,
    base: u32,
    parent: Option<StatementId>,
) -> Result<(Content, Vec<List>)> {
    let me = side.channel()?.thread.role;
    let now = side.service.now();
    let text = std::fs::read_to_string(dir.join("examples").join(file))?;
    let mut list =
        |name: &str| std::fs::read(dir.join("examples").join(name)).map_err(|error| error.to_string());
    let mut seed = || side.service.random_seed();
    let mut sources = Sources { me, now, list: &mut list, seed: &mut seed };
    let draft = proposal_from_toml(&text, &mut sources)?;
    let lists = draft.lists.clone();
    Ok((draft.offer(base, parent.map(|parent| parent.0))?, lists))
}

fn received(side: &Side, id: StatementId) -> Result<Box<Offer>> {
    let shown = side.channel()?.statement(&id.0).context("it has not arrived")?;
    match shown.content() {
        Some(Ok(Content::Offer(offer))) => Ok(offer),
        _ => bail!("what arrived is no offer"),
    }
}

async fn negotiate(
    dir: &Path,
    velmara: &mut Side,
    tarrun: &mut Side,
    tell: &mut Telling,
) -> Result<StatementId> {
    tell.step("Velmara proposes", "From examples/exchange.toml and its lists: 40 named persons for 40.");
    let (offer, lists) = draft(dir, "exchange.toml", velmara, 0, None)?;
    let first = velmara.say(None, &offer, lists)?;
    velmara.sync().await?;
    tarrun.sync().await?;
    let held = received(tarrun, first)?;
    tell.offer("as Tarrun holds it", first, &held, tarrun.channel()?);
    tell.step("Tarrun counters", "From examples/counter.toml: 38 for 38, and two bags of remains.");
    let (counter, lists) = draft(dir, "counter.toml", tarrun, 0, Some(first))?;
    let counter = tarrun.say(Some(first), &counter, lists)?;
    tarrun.sync().await?;
    velmara.sync().await?;
    let held = received(velmara, counter)?;
    tell.offer("as Velmara holds it", counter, &held, velmara.channel()?);
    tell.step(
        "Velmara accepts, Tarrun confirms",
        "Then Velmara's acknowledgement seals it: nobody can take it back.",
    );
    let hold_until = velmara.service.now().plus(Millis::days(2));
    let accept = Content::Accept(Accept { offer: counter.0, hold_until, remark: None });
    let acceptance = velmara.say(Some(first), &accept, Vec::new())?;
    velmara.sync().await?;
    tarrun.sync().await?;
    tarrun.say(Some(first), &Content::Confirm(Confirm { acceptance: acceptance.0 }), Vec::new())?;
    for _ in 0..2 {
        tarrun.sync().await?;
        velmara.sync().await?;
    }
    tarrun.sync().await?;
    for side in [&*velmara, &*tarrun] {
        let name = side.service.officer().identity().card().name().as_str().to_owned();
        let ledger = side.channel()?.ledger();
        let case = ledger.case(&first.0).context("the case is not there")?;
        ensure!(case.version() == 1, "the agreement is not sealed as {name} holds it");
        tell.fact(&name, &format!("version {} of case {} is sealed", case.version(), tell::short(first)));
    }
    for sequence in 0..tarrun.channel()?.transcript.chain(Role::Inviter).count() {
        let thread = tarrun.thread;
        tarrun
            .service
            .command(|officer, now, rng| Ok(((), officer.open_statement(thread, sequence, now, rng))))?;
    }
    tarrun.sync().await?;
    velmara.sync().await?;
    Ok(first)
}

async fn kill_the_relay(
    relay: &mut DemoRelay,
    velmara: &mut Side,
    tarrun: &mut Side,
    tell: &mut Telling,
) -> Result<()> {
    tell.step(
        "The relay is killed in mid-send",
        "kill -9, while Velmara sends 40 notes. Then it is started again.",
    );
    for at in 1..=BURST {
        let note = Note { text: Text::new(&format!("Road report {at} of {BURST}."))? };
        velmara.say(None, &Content::Note(note), Vec::new())?;
    }
    let deposited = |side: &Side| -> Result<u64> {
        let channel = side.channel()?;
        let newest = channel.statements_of(channel.thread.role).rev().take(BURST as usize);
        Ok(newest.filter(|shown| shown.item.marks.deposited.is_some()).count() as u64)
    };
    let pid = relay.pid();
    {
        let (mut options, stop) = SyncOptions::once();
        options.connect_within = Duration::from_secs(2);
        let cells = relay.cells();
        let watcher = tokio::task::spawn_blocking({
            let mut killer = relay.killer();
            move || killer.kill_after(cells.saturating_add(KILL_AFTER_BYTES))
        });
        velmara.service.sync(&options, &mut |_, _| {}).await?;
        drop(stop);
        watcher.await??;
    }
    let before = deposited(velmara)?;
    tell.fact(
        "killed",
        &format!("process {pid}, with {before} of {BURST} notes acknowledged as on its disk"),
    );
    relay.restart()?;
    tell.fact("started", "on the same folder");
    velmara.sync().await?;
    tarrun.sync().await?;
    velmara.sync().await?;
    ensure!(deposited(velmara)? == BURST, "not every note was deposited");
    let texts: Vec<String> = tarrun
        .channel()?
        .statements()
        .iter()
        .filter_map(|shown| match shown.content() {
            Some(Ok(Content::Note(note))) => Some(note.text.as_str().to_owned()),
            _ => None,
        })
        .collect();
    let expected: Vec<String> = (1..=BURST).map(|at| format!("Road report {at} of {BURST}.")).collect();
    ensure!(texts == expected, "Tarrun does not hold what Velmara said");
    tell.fact("arrived", &format!("all {BURST}, in order, none twice, none missing"));
    Ok(())
}

fn verify(dir: &Path, velmara: &Side, tarrun: &Side, tell: &mut Telling) -> Result<PathBuf> {
    tell.step(
        "Both verify their transcripts",
        "Every signature, every link of both chains, every acknowledgement.",
    );
    let mut exports = Vec::new();
    for side in [velmara, tarrun] {
        let name = side.service.officer().identity().card().name().as_str();
        let export = side.channel()?.export()?.context("the channel does not stand")?;
        let checked = check_export(&export)?;
        tell.heads(name, &checked.heads());
        exports.push(export);
    }
    ensure!(velmara.heads()? == tarrun.heads()?, "the heads differ");
    tell.fact("heads", "equal: both hold the same transcript");
    tell.step(
        "Anyone can check it",
        "Velmara exports the transcript; it verifies with no vault and no network.",
    );
    let path = dir.join("transcript.truceline");
    let export = exports.into_iter().next().context("nothing was exported")?;
    std::fs::write(&path, &export)?;
    let checked = check_export(&std::fs::read(&path)?)?;
    tell.fact(
        "file",
        &format!("{} ({} statements, {} bytes)", path.display(), checked.statements.len(), export.len()),
    );
    let mut altered = export;
    let middle = altered.len() / 2;
    if let Some(byte) = altered.get_mut(middle) {
        *byte ^= 1;
    }
    let refused = check_export(&altered).err().context("an altered export was believed")?;
    tell.fact("altered", &format!("one bit changed, and it is refused: {refused}"));
    Ok(path)
}
