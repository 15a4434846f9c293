//! Layers of a stream: each changes some operations of the stream below it, and leaves the others
//! as they are.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a layer does to the operations of the stream below it.
///
/// There are no vectored writes. The HTTP library writes one buffer at a time.
pub(crate) trait StreamLayer: Unpin {
    fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_read(cx, buffer)
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(stream).poll_write(cx, bytes)
    }

    fn poll_flush<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_flush(cx)
    }

    fn poll_shutdown<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(stream).poll_shutdown(cx)
    }
}

/// A stream under a layer.
#[derive(Debug)]
pub(crate) struct LayeredStream<S, L> {
    // Dropped before the layer, so the table of connections removes no entry that has a file.
    stream: S,
    layer: L,
}

impl<S, L> LayeredStream<S, L> {
    pub(crate) fn new(stream: S, layer: L) -> LayeredStream<S, L> {
        LayeredStream { stream, layer }
    }

    #[cfg(test)]
    pub(crate) fn into_parts(self) -> (S, L) {
        (self.stream, self.layer)
    }

    pub(crate) fn layer(&self) -> &L {
        &self.layer
    }

    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin, L: StreamLayer> AsyncRead for LayeredStream<S, L> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let LayeredStream { stream, layer } = self.get_mut();
        layer.poll_read(stream, cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin, L: StreamLayer> AsyncWrite for LayeredStream<S, L> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let LayeredStream { stream, layer } = self.get_mut();
        layer.poll_write(stream, cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let LayeredStream { stream, layer } = self.get_mut();
        layer.poll_flush(stream, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let LayeredStream { stream, layer } = self.get_mut();
        layer.poll_shutdown(stream, cx)
    }
}
