"""A trained network in the forms of other runtimes, each with all it needs to be used."""
