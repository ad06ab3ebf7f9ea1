"""What the gateway says of itself: its log, its metrics, and how texts from outside are printed."""
