"""The visual Turing test: studies in which people judge colorized photos.

``design``      what a study is: protocol, systems, references, raters, seed; read from YAML
``records``     the words: Unit, Trial, Vote, Judgement
``building``    a study's folder from a design: pictures prepared alike, units laid out
``store``       the database: raters, trials and votes, each counted once
``assignment``  which unit a rater is shown next, so that all are judged alike often
``server``      the pages and the requests behind them
``analysis``    rates with their intervals, tests between systems; beside it ``agreement``, ``power``,
                ``simulation``
``export``      votes as CSV or Parquet
``summary``     the figures of a study, and its report
"""
