"""The schema registry: schemas from files and Pydantic classes, fingerprints, normalisation and versions."""
