"""What people set, in a database: who they are and their keys, watchlists, and alert rules with their versions.

`schema` has the tables, `migrations` how older ones become them, `database` the connection. `rules`, `watchlists`,
`keys` and `sessions` are functions over one transaction of it, so that several things are done whole or not at all;
`people` says whose is what.
"""
