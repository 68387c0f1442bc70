"""FCS events to populations."""
