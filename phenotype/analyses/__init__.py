"""The clinical half: every number of the report beside the comparisons of subsets, as rows of estimates.csv.

A module an aim; each turns the cohort, a row per patient with derived endpoints, into rows. What cannot be estimated
is a row too, whose note says why.
"""
