"""The methods that the paper compares with, and other hand-made spotters, one file each."""
