"""The page's files: HTML, style, ES modules and texts, without a build step."""

from pathlib import Path

FOLDER = Path(__file__).parent
