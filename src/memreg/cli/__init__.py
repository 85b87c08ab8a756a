"""The command line: one file a noun, over the public engine and the operations."""
