"""The visual Turing test: studies in which people judge colorized photos.

``design``       protocol, systems, references, raters, seed; read from YAML
``records``      Unit, Trial, Vote, Answer, Judgment
``storage``      a study on disk: ``building`` makes its folder (``folder``, ``pictures``) from a design;
                 ``store`` has the rules for raters, trials and votes, over ``ledger`` (rows) and ``schema``
                 (tables); ``assignment`` balances what raters are shown
``web``          the server: ``routes``, ``requests``, ``media``, ``guard`` and the ``pages``
``statistics``   rates with their intervals, tests between systems, agreement, power
``report``       ``summary`` has the figures, ``document`` the report, ``export`` the table of votes
"""
