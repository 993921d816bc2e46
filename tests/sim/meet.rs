//! How two officers come to a channel: passes, invite, offer, introduction.

use super::relays::RelayNode;
use super::world::World;
use truceline::crypto::digest::Digest;
use truceline::host::store::Store;
use truceline::officer::fetch;
use truceline::officer::introduce::RelayLeave;
use truceline::officer::thread::Stage;
use truceline::party::role::Role;
use truceline::relay::message::{ConnId, Input, Send};
use truceline::relay::table;
use truceline::session::invite::{Invite, UntrustedInvite};
use truceline::time::Millis;
use truceline::wire::frame::Framed;
use truceline::wire::pass::Pass;
use truceline::wire::queue::Exporter;
use truceline::wire::reply::Reply;
use truceline::wire::request::Request;

impl World {
    /// Leave to open queues at these relays.
    pub fn leave(&mut self, relays: &[usize], tokens: u32) -> Vec<RelayLeave> {
        let mut leave = Vec::new();
        for &at in relays {
            let pass = Pass::random(tokens, &mut self.rng);
            self.issue(at, &pass);
            let RelayNode { place, deposit, names_key, .. } = &self.relays[at];
            let deposit = names_key.then_some(*deposit);
            leave.push(RelayLeave { place: place.clone(), deposit, pass });
        }
        leave
    }

    /// The operator issues a pass: its tokens are in the store before its line is printed.
    fn issue(&mut self, at: usize, pass: &Pass) {
        let hashes: Vec<_> = pass.tokens().map(|token| token.hash()).collect();
        let (now, expires) = (self.relay_clock(at), self.clock().plus(Millis::days(3_650)));
        let node = &mut self.relays[at];
        node.issued.push((hashes.clone(), expires));
        let step = node.relay.handle(Input::Tokens { hashes, expires }, now);
        node.store.commit(step.records).unwrap();
    }

    /// Fetches an invite's offer as a joiner's program does before it has a thread.
    pub fn fetch(&mut self, invite: &Invite, relay: usize) -> Option<Box<[u8; 16128]>> {
        let conn = ConnId(u64::MAX - self.next_conn);
        self.next_conn += 1;
        let exporter = Exporter([7; 32]);
        let place = self.relays[relay].place.clone();
        let now = self.clock();
        let mut request = Box::new(fetch::first(invite, &place, &exporter));
        self.relays[relay].relay.handle(Input::Connected { conn, exporter }, now);
        loop {
            let frame = Box::new(Framed::<Request>::decode(&request.encode().unwrap()));
            let step = self.relays[relay].relay.handle(Input::Frame { conn, frame }, now);
            self.relays[relay].store.commit(step.records).unwrap();
            let reply = match step.sends.into_iter().next().unwrap() {
                Send::Reply { reply, .. } => Framed::<Reply>::new(reply, None),
                Send::Cells { cells, .. } => {
                    let key = cells[0].key.bytes();
                    let bytes = self.relays[relay].store.read(table::CELL, &key).unwrap().unwrap();
                    Framed::<Reply>::new(
                        cells[0].reply(),
                        Some(bytes.to_vec().into_boxed_slice().try_into().unwrap()),
                    )
                }
                Send::Close { .. } | Send::Stored { .. } => return None,
            };
            match fetch::next(reply) {
                fetch::Fetch::Ask(next) => request = next,
                fetch::Fetch::Found(cell) => {
                    self.relays[relay].relay.handle(Input::Gone { conn }, now);
                    return Some(cell);
                }
                fetch::Fetch::Missing => return None,
            }
        }
    }

    /// Node `a` invites, node `b` joins, each with these relays; gives both thread numbers once the channel stands.
    pub fn introduce(&mut self, a: usize, b: usize, relays_a: &[usize], relays_b: &[usize]) -> (u32, u32) {
        let leave = self.leave(relays_a, self.tokens);
        let expires = self.clock().plus(Millis::days(2));
        let ours = self
            .command(a, |officer, now, rng| officer.invite(format!("to {b}"), &leave, expires, now, rng))
            .unwrap();
        let line = self.invite_line(a, ours);
        self.run_for(Millis::secs(120));
        while !self.offer_lies_at_all(a, ours) {
            self.run_for(Millis::secs(60));
        }
        let theirs = self.join(b, &line, relays_b);
        for _ in 0..200 {
            self.run_for(Millis::secs(60));
            let stands = |node: usize, thread: u32| {
                self.nodes[node]
                    .officer
                    .channel(thread)
                    .unwrap()
                    .session()
                    .is_some_and(|session| session.heard)
            };
            if stands(a, ours) && stands(b, theirs) {
                return (ours, theirs);
            }
        }
        self.tell();
        panic!("the channel does not stand");
    }

    fn offer_lies_at_all(&self, node: usize, thread: u32) -> bool {
        match &self.nodes[node].officer.channel(thread).unwrap().thread.stage {
            Stage::Inviting(inviting) => inviting.offers.iter().all(|offer| offer.stored),
            _ => true,
        }
    }

    pub fn invite_line(&self, node: usize, thread: u32) -> String {
        match &self.nodes[node].officer.channel(thread).unwrap().thread.stage {
            Stage::Inviting(inviting) => inviting.line.clone(),
            _ => panic!("not an invite"),
        }
    }

    pub fn join(&mut self, node: usize, line: &str, relays: &[usize]) -> u32 {
        let invite = UntrustedInvite::parse(line).unwrap().verify(self.clock()).unwrap();
        let invited = self.relays.iter().map(|relay| invite.relays().contains(&relay.place));
        let invited: Vec<bool> = invited.collect();
        let mut invited = (0..invited.len()).filter(|at| invited[*at]);
        let cell = invited.find_map(|at| self.fetch(&invite, at)).expect("the offer lies there");
        let offer = invite.open_offer(&cell).unwrap();
        let leave = self.leave(relays, self.tokens);
        self.command(node, |officer, now, rng| officer.join("peer".into(), &invite, &offer, &leave, now, rng))
            .unwrap()
    }

    /// Says what waits for what, where something never comes to an end.
    pub fn tell(&self) {
        println!("{:?}, so far {:?}", self.faults, self.struck);
        for channel in self.nodes.iter().flat_map(|node| node.officer.channels()) {
            println!("{}: links in trouble: {:?}", channel.thread.label, channel.troubles);
            let waiting = channel.outbox.cells.values().map(|cell| (cell.carries, &cell.places));
            println!("waiting: {:?}", waiting.collect::<Vec<_>>());
            let inbound = channel.thread.inbound.iter();
            let inbound = inbound.map(|it| (it.opened, it.cursor, it.tokens.len(), it.rekey.is_some()));
            println!("reading: {:?}", inbound.collect::<Vec<_>>());
        }
    }

    /// Counts and heads of both chains as a node has them.
    pub fn heads(&self, node: usize, thread: u32) -> [(u64, Digest); 2] {
        let transcript = &self.nodes[node].officer.channel(thread).unwrap().transcript;
        Role::BOTH.map(|role| {
            let chain = transcript.chain(role);
            (chain.count(), chain.head(chain.count()).0)
        })
    }
}
