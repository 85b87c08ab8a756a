"""What the tests share: the server of a run, databases cloned from a template."""
