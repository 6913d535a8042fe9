"""Statistics of crossings, for the box and for central alike: pure, and without names, numbers or pictures.

The variables are those of the United Nations' Recommendations on Statistics of International Migration
(Statistical Papers, Series M, No. 58, Rev. 1, 1998, its tables 3 and 4): who crosses, from where, where to,
what for and for how long.
"""
