"""Migrations of memreg's own tables: an Alembic environment over numbered plain-SQL revisions."""
