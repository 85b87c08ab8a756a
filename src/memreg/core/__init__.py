"""What every part stands on: errors, settings, clock and ids, named SQL, the database and the embedded server."""
