"""The walk of a message, in file order: extract, validate, resolve, decide, store, audit — and the reads."""
