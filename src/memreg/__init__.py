"""memreg."""
