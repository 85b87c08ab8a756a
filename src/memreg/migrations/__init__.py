"""The tables' history: numbered plain-SQL revisions, and the runner that applies them."""
