"""What is PostgreSQL's own: its URLs, how connections are made, what it says differently in SQL, and its errors."""
