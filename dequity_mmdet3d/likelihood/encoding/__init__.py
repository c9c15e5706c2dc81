"""Images to embeddings: encoders, batches, resume, bad images."""
