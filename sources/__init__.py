"""What comes in: a folder for each dataset, and how files become rows of it."""
