"""The sections of the comparison's report, a module or a package each.

NAME      for ``--without``, and in ``scores.json``
TITLE     its heading
section   from a `Run` to a `Section`; a LaboratoryError's message stands in its place
"""
