//! As much of AMQP 0-9-1 as a publisher with confirms and a consumer of a quorum queue need.

use super::server::{secure, tcp};
use super::{MESSAGE_BYTES, Peer, Wire};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Kinds of frames (specification, section 4.2.3).
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const FRAME_END: u8 = 0xce;
/// Messages that a consumer takes before it acknowledges them together.
const ACK_EVERY: u64 = 8;
const PREFETCH: u16 = 64;

/// A connection with one channel.
pub struct Amqp {
    wire: Wire,
    queue: String,
    /// The last tag that was confirmed, or taken.
    tag: u64,
    published: u64,
}

fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn long(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text].concat()
}

fn method(class: u16, method: u16, arguments: &[&[u8]]) -> Vec<u8> {
    [&class.to_be_bytes()[..], &method.to_be_bytes(), &arguments.concat()].concat()
}

fn frame(out: &mut Vec<u8>, kind: u8, channel: u16, payload: &[u8]) {
    out.push(kind);
    out.extend(channel.to_be_bytes());
    out.extend((payload.len() as u32).to_be_bytes());
    out.extend(payload);
    out.push(FRAME_END);
}

impl Amqp {
    async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.wire.write_all(bytes).await?;
        Ok(self.wire.flush().await?)
    }

    async fn call(&mut self, channel: u16, payload: &[u8]) -> anyhow::Result<()> {
        let mut out = Vec::new();
        frame(&mut out, METHOD, channel, payload);
        self.send(&out).await
    }

    async fn read(&mut self) -> anyhow::Result<(u8, Vec<u8>)> {
        let kind = self.wire.read_u8().await?;
        let _channel = self.wire.read_u16().await?;
        let mut payload = vec![0; self.wire.read_u32().await? as usize];
        self.wire.read_exact(&mut payload).await?;
        anyhow::ensure!(self.wire.read_u8().await? == FRAME_END, "a frame without an end");
        Ok((kind, payload))
    }

    /// The arguments of the next method, which is to be this one.
    async fn expect(&mut self, class: u16, wanted: u16) -> anyhow::Result<Vec<u8>> {
        let (kind, payload) = self.read().await?;
        let right = kind == METHOD && payload.starts_with(&method(class, wanted, &[]));
        anyhow::ensure!(right, "RabbitMQ said {}", String::from_utf8_lossy(&payload));
        Ok(payload[4..].to_vec())
    }

    async fn open(&mut self) -> anyhow::Result<()> {
        self.send(b"AMQP\0\0\x09\x01").await?;
        self.expect(10, 10).await?;
        let login = [&long(b"")[..], &short("PLAIN"), &long(b"\0guest\0guest"), &short("en_US")];
        self.call(0, &method(10, 11, &login)).await?;
        let tune = self.expect(10, 30).await?;
        // Its own bounds, and no heartbeats.
        self.call(0, &method(10, 31, &[&tune[..6], &[0, 0]])).await?;
        self.call(0, &method(10, 40, &[&short("/"), &short(""), &[0]])).await?;
        self.expect(10, 41).await?;
        self.call(1, &method(20, 10, &[&short("")])).await?;
        self.expect(20, 11).await?;
        let durable = [2];
        let quorum = [&short("x-queue-type")[..], b"S", &long(b"quorum")].concat();
        let declare = method(50, 10, &[&[0, 0], &short(&self.queue), &durable, &long(&quorum)]);
        self.call(1, &declare).await?;
        self.expect(50, 11).await.map(|_| ())
    }
}

impl Peer for Amqp {
    async fn connect(dir: &Path, port: u16, number: usize, publishes: bool) -> anyhow::Result<Self> {
        let wire = secure(dir, tcp(port).await?).await?;
        let mut amqp = Self { wire, queue: format!("queue-{number}"), tag: 0, published: 0 };
        amqp.open().await?;
        if publishes {
            amqp.call(1, &method(85, 10, &[&[0]])).await?;
            amqp.expect(85, 11).await?;
        } else {
            amqp.call(1, &method(60, 10, &[&[0; 4], &PREFETCH.to_be_bytes(), &[0]])).await?;
            amqp.expect(60, 11).await?;
            let consume = method(60, 20, &[&[0, 0], &short(&amqp.queue), &short("c"), &[0], &long(b"")]);
            amqp.call(1, &consume).await?;
            amqp.expect(60, 21).await?;
        }
        Ok(amqp)
    }

    async fn put(&mut self, messages: u64, window: u64) -> anyhow::Result<()> {
        let end = self.published + messages;
        let mut message = Vec::new();
        frame(&mut message, METHOD, 1, &method(60, 40, &[&[0, 0], &short(""), &short(&self.queue), &[0]]));
        // Delivery mode 2: to be kept.
        let size = (MESSAGE_BYTES as u64).to_be_bytes();
        frame(&mut message, HEADER, 1, &[&[0, 60, 0, 0][..], &size, &[0x10, 0, 2]].concat());
        frame(&mut message, BODY, 1, &[7; MESSAGE_BYTES]);
        while self.tag < end {
            if self.published < end && self.published - self.tag < window {
                self.send(&message).await?;
                self.published += 1;
                continue;
            }
            let ack = self.expect(60, 80).await?;
            let (tag, multiple) = (u64::from_be_bytes(ack[..8].try_into()?), ack[8] == 1);
            // Confirms may come out of turn: each counts one, and one of several as far as it says.
            self.tag = if multiple { tag } else { self.tag + 1 };
        }
        Ok(())
    }

    async fn take(&mut self, messages: u64) -> anyhow::Result<()> {
        for taken in 1..=messages {
            let deliver = self.expect(60, 60).await?;
            let at = 1 + usize::from(deliver[0]);
            self.tag = u64::from_be_bytes(deliver[at..at + 8].try_into()?);
            let (_, header) = self.read().await?;
            let mut left = u64::from_be_bytes(header[4..12].try_into()?);
            while left > 0 {
                left -= self.read().await?.1.len() as u64;
            }
            if taken % ACK_EVERY == 0 || taken == messages {
                self.call(1, &method(60, 80, &[&self.tag.to_be_bytes(), &[1]])).await?;
            }
        }
        Ok(())
    }
}
