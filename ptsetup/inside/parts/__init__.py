"""What the scripts of ``inside`` are made of. They load this package by its path, so that no folder of ours is on sys.path.

Standard library only, and the syntax of Python 3.6: these run in the target interpreter, whatever it is.
"""
