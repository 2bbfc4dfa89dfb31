"""The sheet on which coders write what each report says."""
