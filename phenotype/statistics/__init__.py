"""Statistics: numbers in, numbers out; patients are the unit.

``proportions`` interval of a share; ``ranks`` two groups compared; ``multiplicity`` many tests at once;
``survival`` curves of time to an event; ``logrank`` their comparison; ``cox`` regression;
``competing`` incidence where another event comes first; ``subdistribution`` its regression;
``logistic`` regression of a yes or no; ``tables`` counts of patients by two properties;
``groups`` three groups and more; ``correlation`` two measurements of the same patients;
``table1`` patients at baseline; ``imputation`` values that are missing;
``contrasts`` puts them together into the tables ``comparisons.csv`` and ``estimates.csv``.
"""
