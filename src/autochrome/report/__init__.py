"""What people look at: contact sheets and score tables."""
