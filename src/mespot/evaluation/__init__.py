"""What a recipe is worth on subjects it never saw; see docs/evaluation.md.

``fold``    one fold: learn, choose inside, spot the test subject, under one or both protocols
``store``   the folder of a fold, and whether it is finished
``run``     all folds of some recipes on a data set, resumable
``figures`` F1 and the rest, from the stored files alone
``rows``    the rows of the paper's tables as recipes
``table``   a table as Markdown and CSV
``plot``    a table as a picture
"""
