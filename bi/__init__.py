"""What other tools are given so that they show the publication: theirs to run, ours to keep right."""
