"""All of Makker in one process, for a look around and for tests."""
