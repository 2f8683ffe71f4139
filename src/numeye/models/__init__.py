"""Tasks, recipes, cards, run folders, and networks in ONNX Runtime."""
