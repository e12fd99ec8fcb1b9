"""What a colorizer has learned beside color: its trunk as features for classes and for segmentation."""
