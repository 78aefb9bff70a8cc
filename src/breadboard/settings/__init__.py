"""What people set, in a database: alert rules with their versions, and watchlists."""
