"""What the machine and its traces can be run on, other than the model."""
