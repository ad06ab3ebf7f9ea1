"""What is SQLite's own: its file, how connections are set up, what it says differently in SQL, and its errors."""
