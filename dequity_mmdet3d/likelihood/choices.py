"""What a user can choose between, for the library and its command alike.

Imports nothing, so that a command line is checked in no time.
"""
# The encoder whose weights come with the package.
DEFAULT_ENCODER = 'efficientnet_lite0'
# What of its network is the embedding: channel means and standard deviations
# of all stages, or the last layer, which forgets light and weather
# (docs/encoding.md).
FEATURES = ('stages', 'pooled')
# Number types of an encoder's weights, and of the embeddings on disk.
PRECISIONS = ('float32', 'bfloat16', 'float16')
EMBEDDING_DTYPES = ('float16', 'float32')
# Images in a file of embeddings: 1,024 are seconds of work on a GPU and
# minutes on a CPU; 200,000 images make 196 files.
SHARD_SIZE = 1024
# How samples are counted; the first is right on the most benches
# (docs/likelihood.md).
METHODS = ('soft', 'modes', 'kmeans', 'hdbscan', 'knn')
# In place of a method: by what the user knows of the samples.
TAGS = 'tags'
# What clusters are called, or a file of texts.
NAMES = ('auto', 'none')
# What becomes of a sample that a density method leaves outside all clusters.
NOISE = ('single', 'cluster', 'nearest')
# How several images of a sample become one likelihood, before or after the
# clustering. The default is the one that never failed where the truth is
# known: 'mean' is best for what all cameras see, and blind to what only one
# sees (docs/measured.md).
CAMERAS = ('mean', 'concat', 'likelihood-mean', 'likelihood-min')
DEFAULT_CAMERAS = 'likelihood-mean'
# What the likelihood counts (docs/likelihood.md, "Drives").
COUNTS = ('frames', 'drives')
# What a cluster's size is divided by: the largest's, or that of all samples.
KINDS = ('relative', 'share')
# Of a config: whose dataloader to take.
SPLITS = ('train', 'val', 'test')
# From the likelihoods of objects to that of their sample (docs/objects.md).
OBJECT_RULES = ('min', 'mean', 'product')
# What of an object is looked at.
OBJECT_FEATURES = ('images', 'points')
OBJECT_MARGIN = 0.1
OBJECT_MIN_SIZE = 16.0
