//! As much of MQTT 3.1.1 as a publisher and a subscriber with QoS 1 need.

use super::server::{secure, tcp};
use super::{MESSAGE_BYTES, Peer, Wire};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Kinds of packets with their flags (specification, section 2.2).
const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH_QOS_1: u8 = 0x32;
const PUBACK: u8 = 0x40;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;

/// A connection of one client.
pub struct Mqtt {
    wire: Wire,
    topic: String,
    packet: u16,
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

fn packet(kind: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let (mut out, mut left) = (vec![kind], content.len());
    loop {
        let more = left >= 128;
        out.push((left % 128) as u8 | if more { 128 } else { 0 });
        left /= 128;
        if !more {
            break;
        }
    }
    out.extend(content);
    out
}

impl Mqtt {
    async fn send(&mut self, kind: u8, content: &[&[u8]]) -> anyhow::Result<()> {
        self.wire.write_all(&packet(kind, content)).await?;
        Ok(self.wire.flush().await?)
    }

    /// The content of the next packet, which is to be of this kind.
    async fn expect(&mut self, kind: u8) -> anyhow::Result<Vec<u8>> {
        let found = self.wire.read_u8().await?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = usize::from(self.wire.read_u8().await?);
            length |= (byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                break;
            }
        }
        let mut content = vec![0; length];
        self.wire.read_exact(&mut content).await?;
        // A message that was sent before has another flag.
        anyhow::ensure!(found & 0xf0 == kind & 0xf0, "Mosquitto sent a packet {found:#x}");
        Ok(content)
    }
}

impl Peer for Mqtt {
    async fn connect(dir: &Path, port: u16, number: usize, publishes: bool) -> anyhow::Result<Self> {
        let wire = secure(dir, tcp(port).await?).await?;
        let mut mqtt = Self { wire, topic: format!("queue/{number}"), packet: 0 };
        let client = format!("{}{number}", if publishes { "p" } else { "c" });
        // Version 4, a session that stays, no keep-alive.
        mqtt.send(CONNECT, &[&text("MQTT"), &[4, 0, 0, 0], &text(&client)]).await?;
        let answer = mqtt.expect(CONNACK).await?;
        anyhow::ensure!(answer.get(1) == Some(&0), "Mosquitto refused a client");
        if !publishes {
            let topic = text(&mqtt.topic);
            mqtt.send(SUBSCRIBE, &[&[0, 1], &topic, &[1]]).await?;
            mqtt.expect(SUBACK).await?;
        }
        Ok(mqtt)
    }

    async fn put(&mut self, messages: u64, window: u64) -> anyhow::Result<()> {
        let (mut sent, mut acknowledged) = (0, 0);
        while acknowledged < messages {
            if sent < messages && sent - acknowledged < window {
                sent += 1;
                // A packet's number is never 0.
                self.packet = self.packet.checked_add(1).unwrap_or(1);
                let (topic, number) = (text(&self.topic), self.packet.to_be_bytes());
                self.send(PUBLISH_QOS_1, &[&topic, &number, &[7; MESSAGE_BYTES]]).await?;
                continue;
            }
            self.expect(PUBACK).await?;
            acknowledged += 1;
        }
        Ok(())
    }

    async fn take(&mut self, messages: u64) -> anyhow::Result<()> {
        let at = 2 + self.topic.len();
        for _ in 0..messages {
            let message = self.expect(PUBLISH_QOS_1).await?;
            self.send(PUBACK, &[&message[at..at + 2]]).await?;
        }
        Ok(())
    }
}
