"""Consumer groups, as their members see them: joining, sharing partitions out, signs of life, committed offsets."""
