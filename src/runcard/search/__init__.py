"""What a hyperparameter can be, and how the next trial is chosen."""
