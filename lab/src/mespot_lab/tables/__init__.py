"""Tables 1 and 2 of the paper on any data set, with floors and ceiling: ``mespot tables``."""
