"""What was: the journal of puts."""
