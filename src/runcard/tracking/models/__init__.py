"""Files of saved models: their description, digest and archive, and the types that may be loaded from them."""
