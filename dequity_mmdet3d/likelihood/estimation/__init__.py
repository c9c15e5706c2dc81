"""Embeddings to likelihoods, and how far to trust them."""
