"""Read, stamp, append: the process that nothing else can hold up.

Reading order: ``driver`` (the whole), ``line`` (one connection's life), ``websocket`` (its bytes), ``recorder`` (what
the journal is told, and in which order), ``appender`` (when the disk refuses), ``documents`` (what is fetched).
"""
