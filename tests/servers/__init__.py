"""The servers that tests start: which, and with what settings. They hold nothing that outlives a run."""
