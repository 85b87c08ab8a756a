"""The demonstration: a personal assistant's schema, a week's conversation, and a database of its own."""
