"""Read, stamp, append: the process that nothing else can hold up.

Reading order: ``driver`` (the whole), ``planning`` (which connections), ``line`` (one connection's life), ``vitals``
(whether it lives), ``conversation`` (what is said), ``websocket`` and ``textline`` (its bytes), ``recorder`` (what the
journal is told, and in which order), ``appender`` (when the disk refuses), ``documents`` (what is fetched).
"""
