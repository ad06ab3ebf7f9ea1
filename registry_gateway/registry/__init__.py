"""Operations on the model over the store: commands in shared transactions, reads at one judging time, outages."""
