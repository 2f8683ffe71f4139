"""What is known of a number, and the most probable answer that fits."""
