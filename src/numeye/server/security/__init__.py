"""Who may send requests, how much they may cost, and where untrusted files are opened."""
