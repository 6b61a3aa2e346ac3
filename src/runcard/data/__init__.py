"""Tables: reading, typing and fingerprinting them, splitting them, and locking and storing their contents."""
