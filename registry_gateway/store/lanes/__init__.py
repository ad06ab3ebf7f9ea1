"""The execution of transactions: their connection, their time limit, and the outcome of their COMMIT."""
