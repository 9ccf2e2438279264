"""One file per API. Each opens with the versions it serves and what they differ in."""
