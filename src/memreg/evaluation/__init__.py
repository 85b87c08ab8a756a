"""Measuring write decisions: streams of records with gold entities through the real engine, and what went wrong."""
