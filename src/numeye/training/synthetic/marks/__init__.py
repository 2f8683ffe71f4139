"""What is drawn beside, around and through characters."""
