"""Agreement and consensus on pixels and voxels: masks of annotators who drew the same picture or volume."""
