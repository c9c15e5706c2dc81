"""Which images: those of a config, of a folder, of an info file.

Never imports torch.
"""
