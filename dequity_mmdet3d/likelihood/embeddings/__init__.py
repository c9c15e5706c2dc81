"""Embeddings at rest: shards, names, views of several cameras.

Never imports torch.
"""
