"""Acquisition threads, circular buffers, push and pull queues."""
