"""The composition root: the engines and the registry, where extractors, annotators and the database meet."""
