"""A second, plain-Python reading of the contract that the pipeline's figures must agree with.

It shares no code with the pipeline and uses the standard library only, so that an error has to be
made twice, in two languages, to go unseen. Sources: docs/contract/inputs.md and semantics.md.
"""
