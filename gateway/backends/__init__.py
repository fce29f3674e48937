"""Adapters of the port Backend, one service each."""
