"""A small, seeded data set in KITTI's raw layout, made without a download.

Read in this order: `modes` (the table of what scenes look like), `worlds`
(what stands in them), `road` and `layout` (where things stand), `shapes`,
`actors`, `street` (what they are made of), `scene` (rays), `lidar`, `light`
and `camera` (the two sensors), `labels`, `calib`, `frames` (one frame) and
`dataset` (the folder).

Nothing is imported here: Open3D takes seconds to load.
"""
