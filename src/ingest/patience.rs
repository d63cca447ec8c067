//! A connection whose client has a bounded time to fetch each answer: one that never reads holds no place for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection. The time runs from the first byte that does not go out to the next flush that gets everything out.
pub(super) struct Patience<I> {
    io: I,
    within: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<I> Patience<I> {
    /// `within`: how long an answer may take to go out.
    pub fn new(io: I, within: Duration) -> Self {
        Self { io, within, waiting: None }
    }

    /// Passes `outcome` on; while that is "later", the time runs.
    fn timed<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            return outcome;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(self.within)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not fetch its answer")))
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Patience<I> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, into)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Patience<I> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.timed(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, parts);
        self.timed(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        if flushed.is_ready() {
            self.waiting = None;
        }
        self.timed(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.io).poll_shutdown(context);
        self.timed(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_reads_slowly_but_surely_is_waited_for() {
        let (server, mut client) = duplex(10);
        let mut server = Patience::new(server, Duration::from_secs(600));
        let reader = tokio::spawn(async move {
            for _ in 0..3 {
                tokio::task::yield_now().await;
                client.read_exact(&mut [0; 10]).await.unwrap();
            }
        });
        server.write_all(&[0; 30]).await.unwrap();
        assert!(server.waiting.is_some(), "not all of it is flushed");
        server.flush().await.unwrap();
        assert!(server.waiting.is_none(), "the time begins anew with each answer");
        reader.await.unwrap();
    }

    #[tokio::test]
    async fn who_does_not_read_is_cut_off() {
        let (server, _client) = duplex(10);
        let mut server = Patience::new(server, Duration::from_millis(50));
        server.write_all(&[0; 10]).await.unwrap();
        assert_eq!(server.write_all(&[0; 10]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
