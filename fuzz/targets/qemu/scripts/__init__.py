"""A file for each race that can be played in the guest.  The directory is the catalogue."""
