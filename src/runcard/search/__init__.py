"""Search spaces of hyperparameters, and the strategies that choose the next trial or stop one early."""
