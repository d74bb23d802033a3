"""What a recipe is worth on subjects it never saw; see docs/evaluation.md.

``fold``           one fold: learn, choose inside, spot the test subject
``fold_folder``    the folder of a fold, and whether it is finished
``result_folder``  the folder of an evaluation as a whole
``run``            all folds of some recipes on a data set, resumable
``figures``        F1 and the rest, from the stored files alone
``cross_validation`` the same folds on samples in memory, for ``mespot train --evaluate``
"""
