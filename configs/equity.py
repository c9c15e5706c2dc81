# What every equity config shares. It sets no key that a project's own config
# sets, so that both can stand in one `_base_` list, as
# 'dequity_mmdet3d::equity.py' in the configs of others.
custom_imports = dict(
    imports=['dequity_mmdet3d.plugin'], allow_failed_imports=False)

# w = (eta + (1 - p)^gamma) / (eta + 1), the paper's setting
dequity = dict(
    type='DequityDataset',
    eta=1.0,
    gamma=5.0,
    normalize=None,  # 'mean': weights of mean 1
    missing='error')  # 'neutral': the mean weight for samples not in the table
