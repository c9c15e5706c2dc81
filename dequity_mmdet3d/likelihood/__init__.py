"""The offline half: images to embeddings to clusters to likelihood table.

Never imports mmdet3d, mmdet, mmcv, mmengine's runner or the plugin, so that
it runs where they are not installed. Importing it loads nothing heavy.
"""
