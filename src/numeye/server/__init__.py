"""The HTTP API: the reader behind `POST /v1/read`, for programs in other languages and on other machines."""
