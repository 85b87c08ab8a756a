"""Looking a schema file over: what can be registered and would not work well, with fixes."""
