"""Weights per sample in any PyTorch training: torch alone."""
