//! As much of NATS' protocol and of JetStream as a publisher and a consumer of a stream on files need.

use super::server::{secure, tcp};
use super::{MESSAGE_BYTES, Peer, Wire};
use std::path::Path;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

/// A connection, and the stream it publishes to or takes from.
pub struct Nats {
    wire: Wire,
    number: usize,
}

/// A message: where an answer to it goes, and its bytes.
type Message = (String, Vec<u8>);

impl Nats {
    async fn send(&mut self, subject: &str, reply: &str, body: &[u8]) -> anyhow::Result<()> {
        let mut out = format!("PUB {subject} {reply} {}\r\n", body.len()).into_bytes();
        out.extend(body);
        out.extend(b"\r\n");
        self.wire.write_all(&out).await?;
        Ok(self.wire.flush().await?)
    }

    async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        self.wire.write_all(line.as_bytes()).await?;
        Ok(self.wire.flush().await?)
    }

    async fn next(&mut self) -> anyhow::Result<Message> {
        loop {
            let mut line = String::new();
            anyhow::ensure!(self.wire.read_line(&mut line).await? > 0, "NATS ended the connection");
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["MSG", _, _, .., length] => {
                    let mut body = vec![0; length.parse::<usize>()? + 2];
                    self.wire.read_exact(&mut body).await?;
                    body.truncate(body.len() - 2);
                    let reply = if words.len() == 5 { words[3].to_owned() } else { String::new() };
                    return Ok((reply, body));
                }
                ["PING"] => self.tell("PONG\r\n").await?,
                ["-ERR", ..] => anyhow::bail!("NATS said {line}"),
                _ => {}
            }
        }
    }

    /// Asks JetStream for something, and refuses an error.
    async fn ask(&mut self, subject: &str, body: &str) -> anyhow::Result<()> {
        self.send(subject, "answers.1", body.as_bytes()).await?;
        let (_, answer) = self.next().await?;
        let answer = String::from_utf8_lossy(&answer);
        anyhow::ensure!(!answer.contains("\"error\""), "JetStream said {answer}");
        Ok(())
    }
}

impl Peer for Nats {
    async fn connect(dir: &Path, port: u16, number: usize, publishes: bool) -> anyhow::Result<Self> {
        let mut tcp = tcp(port).await?;
        // The first line comes before TLS.
        while tcp.read_u8().await? != b'\n' {}
        let mut nats = Self { wire: secure(dir, tcp).await?, number };
        let inbox = if publishes { "p" } else { "c" };
        nats.tell("CONNECT {\"verbose\":false,\"pedantic\":false,\"tls_required\":true}\r\n").await?;
        if publishes {
            nats.tell(&format!("SUB {inbox}.{number} 1\r\n")).await?;
            return Ok(nats);
        }
        nats.tell(&format!("SUB answers.1 1\r\nSUB c.{number} 2\r\n")).await?;
        let stream = format!(
            "{{\"name\":\"s{number}\",\"subjects\":[\"q.{number}\"],\"storage\":\"file\",\"retention\":\"workqueue\"}}"
        );
        nats.ask(&format!("$JS.API.STREAM.CREATE.s{number}"), &stream).await?;
        let consumer = format!(
            "{{\"stream_name\":\"s{number}\",\"config\":{{\"durable_name\":\"d\",\"deliver_subject\":\"c.{number}\",\
             \"ack_policy\":\"explicit\",\"max_ack_pending\":256}}}}"
        );
        nats.ask(&format!("$JS.API.CONSUMER.DURABLE.CREATE.s{number}.d"), &consumer).await?;
        // Of the answers to others, who ask under the same name, nothing is wanted any more.
        nats.tell("UNSUB 1\r\n").await?;
        Ok(nats)
    }

    async fn put(&mut self, messages: u64, window: u64) -> anyhow::Result<()> {
        let (mut sent, mut acknowledged) = (0, 0);
        let (subject, inbox) = (format!("q.{}", self.number), format!("p.{}", self.number));
        while acknowledged < messages {
            if sent < messages && sent - acknowledged < window {
                sent += 1;
                self.send(&subject, &inbox, &[7; MESSAGE_BYTES]).await?;
                continue;
            }
            let (_, answer) = self.next().await?;
            let answer = String::from_utf8_lossy(&answer);
            anyhow::ensure!(answer.contains("\"seq\""), "JetStream said {answer}");
            acknowledged += 1;
        }
        Ok(())
    }

    async fn take(&mut self, messages: u64) -> anyhow::Result<()> {
        for _ in 0..messages {
            let (reply, _) = self.next().await?;
            self.send(&reply, "", b"+ACK").await?;
        }
        Ok(())
    }
}
