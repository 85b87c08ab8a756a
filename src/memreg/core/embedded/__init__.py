"""A PostgreSQL of memreg's own: started by the first process that needs it, stopped when the last one ends."""

from memreg.core.embedded.home import default_home
from memreg.core.embedded.lease import Lease, acquire, status

__all__ = ["Lease", "acquire", "default_home", "status"]
