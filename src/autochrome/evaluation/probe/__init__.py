"""What a colorizer has learned beside colour: its trunk as features for classes and for segmentation."""
