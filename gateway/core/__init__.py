"""Ground: what ACNET is, as values. No input, output, thread or clock."""
