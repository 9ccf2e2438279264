"""What can be set: the table of settings, what counts at the moment, and how it is changed at run time."""
