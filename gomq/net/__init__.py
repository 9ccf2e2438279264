"""Sockets, frames and requests over them: what broker and client share."""
