"""`makker import`: hosts, mentors and candidates from a list that a municipality already has.

From the file to the server: `sheets` reads a table, `headings` says what its columns mean, `cells` reads one
cell, `rows` makes of a line what a door of intake takes, `judging` says what the server would refuse,
`sending` hands it over, and `command` leads through it and speaks to whoever runs it.
"""
