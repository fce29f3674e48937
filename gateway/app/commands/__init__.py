"""One file per subcommand, each with `run(...) -> int`."""
