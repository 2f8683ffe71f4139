"""A picture to digits: detection, localization, classification, fusion, orientation."""
