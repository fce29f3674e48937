"""Who may do what: access security files and the judgement of puts. Pure."""
