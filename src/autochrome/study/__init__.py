"""The visual Turing test: studies in which people judge colorized photos.

What a study is:

``design``      protocol, systems, references, raters, seed; read from YAML
``records``     the words: Unit, Trial, Vote, Answer, Judgment
``building``    a study's folder from a design: ``pictures`` prepared alike, units laid out, a manifest of
                the ``folder``

How it runs:

``store``       raters, trials and votes, each counted once; over ``ledger``, ``statements`` and ``schema``
``assignment``  which unit a rater is shown next, so that all are judged alike often; ``rerating`` for the
                oracle
``server``      the pages and the requests behind them: ``routes``, ``requests``, ``media``, ``guard``,
                ``pages``

What it says:

``analysis``    rates with their intervals, tests between systems, agreement, power: all of ``statistics``
``export``      votes as CSV or Parquet
``summary``     the figures of a study, and their ``report``; ``live`` while it runs
"""
