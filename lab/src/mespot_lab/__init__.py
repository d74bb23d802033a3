"""The lab of mespot: rivals, networks beyond the paper, twins of data sets, tables."""
