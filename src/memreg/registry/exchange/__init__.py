"""Schemas from what others wrote (SQL DDL, JSON Schema), and in the forms that others read."""
