"""Samples and gates to and from other programs; each module imports its program only when it is used."""
