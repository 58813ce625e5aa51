"""Model and live kernel in lock-step: the same random sequences, compared on what both can be seen to do."""
