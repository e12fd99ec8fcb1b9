"""A study in the browser: server, routes and pages."""
