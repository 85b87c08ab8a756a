"""How memreg fares: what was found out about decisions, the rates of it, and the figures beside them."""
