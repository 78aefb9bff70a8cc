"""Whether a text that a stranger wrote is one read-only query of our tables.

Three walls, each enough for most attacks. Here: a strict lexer, so that no byte can be code to the engine and comment
or string to us; then names (tables and functions) from the parsed query. At run time, in ``ClickHouseStore.ask``: an
engine session with ``readonly`` and limits that the text cannot change.
"""

import re
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from breadboard.errors import QueryRefused
from breadboard.store import schema

_LIMIT_BY: Final = re.compile(
    r"\bLIMIT\s+\d+(?:\s*,\s*\d+|\s+OFFSET\s+\d+)?\s+BY\s+[\w.]+(?:\s*,\s*[\w.]+)*(?=\s+LIMIT\b)", re.IGNORECASE
)
"""``LIMIT n BY columns`` before a LIMIT, which sqlglot does not know: names and commas only, so it can hide nothing."""

LONGEST: Final = 65_536
_TOKEN: Final = re.compile(
    r"""
    (?P<space>[ \t\r\n]+ | --(?=[ \t\r\n]|$)[^\r\n]* | /\*(?:(?!/\*|\*/).)*\*/)
  | (?P<string>'(?:[^'\\\x00]|''|\\[\\'nrt0-9a-zA-Z%_"])*')
  | (?P<quoted>"[^"\\\x00-\x1f]*" | `[^`\\\x00-\x1f]*`)
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
  | (?P<mark><=>|->|::|<=|>=|<>|!=|==|\|\||[-+*/%(),.<>=\[\]{}:?;])
    """,
    re.VERBOSE | re.DOTALL,
)
_TABLE_FUNCTIONS: Final = frozenset({"numbers", "zeros", "generate_series", "generateseries", "values"})
"""Table functions that make rows from nothing but their arguments."""
_SYSTEM: Final = frozenset({"one", "columns", "functions"})
_FORBIDDEN_WORDS: Final = frozenset(
    (
        *("into", "outfile", "format", "settings", "insert", "alter", "drop", "attach", "detach", "create"),
        *("truncate", "rename", "optimize", "system", "grant", "revoke", "kill", "set", "use", "exchange"),
        *("undrop", "backup", "restore", "delete", "update", "infile", "prepare", "execute"),
    )
)
"""Refused as bare words outside quotes and function calls, wherever they stand."""
_FORBIDDEN_FUNCTIONS: Final = re.compile(
    r"dict[a-z]*|joinget\w*|region\w+|file\w*|filesystem\w*|url|\w*cluster|remote\w*|s3|gcs|oss|cosn|hdfs|iceberg\w*|"
    r"hudi|deltalake\w*|paimon\w*|azure\w*|jdbc|odbc|mysql|postgresql|mongodb|redis|sqlite|bigquery|ytsaurus|"
    r"prometheus\w*|executable|python|input|arrowstream|dictionary|merge|mergetree\w*|loop|view\w*|eval|fuzz\w*|"
    r"generaterandom|timeseries(data|tags|metrics|samples|selector)|null|"
    r"get(setting\w*|serversetting|mergetreesetting|macro|oskernelversion|\w*disk\w*|maxtablename\w*|"
    r"sizeofenumtype\w*|clienthttpheader)|hostname|fqdn|tcpport|server\w+|uptime|buildid|version|displayname|"
    r"current(database|user|roles|profiles|schemas)|user|default(roles|profiles)|enabled(roles|profiles)|"
    r"connection\w*|initialquery\w*|query(id|_id|string)?|shard\w*|hascolumnintable|sleep\w*|throwif|aggthrow|"
    r"addressto\w+|demangle|logtrace|tid|ismergetree\w*|flamegraph|catboost\w*|evalmlmethod|naivebayes\w*|stem|"
    r"lemmatize|synonyms|detect\w+|ai[A-Z]\w*|ai(redact|similarity|filter|classify|embed|extract|generate|translate)|"
    r"encrypt|decrypt|trydecrypt|aes_\w+|structureto\w+|generaterandomstructure|blockserializedsize|zookeeper\w*|"
    r"transaction\w*|partition_?id|rownumberinallblocks|__\w+|_cast|chdb|materializedview|formatqueryorthrow|"
    r"kql\w*",
    re.IGNORECASE,
)
"""Functions that read files, the network, dictionaries, settings or the host, that wait, or that blow up text."""
_NOT_CALLS: Final = frozenset(
    (
        *("in", "and", "or", "not", "as", "on", "using", "over", "values", "where", "having", "by", "then"),
        *("else", "when", "case", "select", "from", "with", "join", "all", "any", "union", "limit", "offset"),
        *("except", "intersect", "between", "like", "ilike", "is", "interval", "distinct", "filter", "array"),
        *("left", "right", "inner", "prewhere", "qualify", "window", "partition", "order", "group", "exists"),
    )
)
_EXPLAIN: Final = re.compile(
    r"EXPLAIN(\s+(PLAN|SYNTAX|PIPELINE|ESTIMATE|AST|QUERY\s+TREE))?\s+(?=SELECT|WITH|\()", re.IGNORECASE
)
_UNFINISHED: Final = re.compile(
    r"(?:(?<![\w.])(?:SELECT|DISTINCT|AS|FROM|WHERE|PREWHERE|HAVING|BY|LIMIT|ON|AND|OR|NOT|IN|LIKE|WITH)|,)$",
    re.IGNORECASE,
)
"""What no query ends with; OFFSET is a column of most tables, too. The engine would take the form of its answer, which
we ask for behind it, for the rest."""
_SHOW: Final = re.compile(r"SHOW\s+TABLES", re.IGNORECASE)
_DESCRIBE: Final = re.compile(r"(?:DESCRIBE|DESC)(?:\s+TABLE)?\s+(?:(default)\s*\.\s*)?(\w+)", re.IGNORECASE)


def check(sql: str) -> str:
    """Return the text to run: ``sql`` without comments and the closing semicolon.

    It is one SELECT (WITH, UNION), SHOW TABLES, DESCRIBE of a table of ours, or EXPLAIN of a SELECT. Raises
    QueryRefused with what is wrong and, where it is known, the position in the text.
    """
    if len(sql) > LONGEST:
        raise _refused(f"the query has {len(sql)} characters, more than {LONGEST}")
    text = _lex(sql).strip()
    if not text:
        raise _refused("the query is empty")
    if _SHOW.fullmatch(text):
        return text
    if described := _DESCRIBE.fullmatch(text):
        _known(described[2])
        return text
    if unfinished := _UNFINISHED.search(text):
        raise _refused(f"the query ends with {unfinished.group()!r} and is not finished")
    explain = _EXPLAIN.match(text)
    _names(_parse(text[explain.end() :] if explain else text))
    return text


def table_of(text: str) -> str:
    """Return the first table that a checked text names, for a hint; ``trades`` where it names none."""
    return next((name for name in re.findall(r"\bFROM\s+(\w+)", text, re.IGNORECASE) if name in schema.NAMES), "trades")


def _lex(sql: str) -> str:
    """Return the text without comments; refuse any byte whose meaning could be in doubt, and forbidden words."""
    kept: list[str] = []
    previous, at = "", 0
    while at < len(sql):
        token = _TOKEN.match(sql, at)
        if token is None:
            raise _refused(f"character {sql[at]!r} at position {at} is not allowed there")
        kind, word = token.lastgroup, token.group()
        end = token.end()
        if kind in {"word", "quoted"}:
            _word(word.strip('`"'), sql, end, at, quoted=kind == "quoted", after=previous)
        if word == ";" and _TOKEN.sub(_blank, sql[end:]).strip("; \t\r\n"):
            raise _refused(f"there is a second statement at position {end}")
        kept.append(" " if kind == "space" or word == ";" else word)
        previous = previous if kind == "space" else word
        at = end
    return "".join(kept)


def _blank(token: re.Match[str]) -> str:
    return "" if token.lastgroup == "space" else token.group()


def _word(word: str, sql: str, end: int, at: int, *, quoted: bool, after: str) -> None:
    """Refuse a forbidden word, or a call of a forbidden function (spaces and comments before the bracket, too)."""
    lower = word.lower()
    rest = end
    while (gap := _TOKEN.match(sql, rest)) and gap.lastgroup == "space":
        rest = gap.end()
    is_call = sql[rest : rest + 1] == "("
    if is_call and (quoted or lower not in _NOT_CALLS) and _FORBIDDEN_FUNCTIONS.fullmatch(word):
        raise _refused(f"function {word} at position {at} is not allowed")
    if lower in _FORBIDDEN_WORDS and not quoted and not is_call and after != ".":
        raise _refused(f"the word {word} at position {at} is not allowed", hint=f'quote it if it is a name: "{word}"')


def _parse(text: str) -> exp.Query:
    try:
        statements = sqlglot.parse(_LIMIT_BY.sub(" ", text), dialect="clickhouse")
    except (SqlglotError, RecursionError, ValueError) as error:
        where = (getattr(error, "errors", None) or [{}])[0]
        place = f" at line {where['line']}, column {where['col']}" if where.get("line") else ""
        raise _refused(f"the query cannot be understood{place}: {_first_line(error)}") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise _refused("the text is not one SELECT")
    return statements[0]


def _names(tree: exp.Query) -> None:
    """Refuse tables that are not ours, statements inside, and table functions."""
    for node in tree.walk():
        if isinstance(node, exp.DML | exp.DDL | exp.Command | exp.Into | exp.Use | exp.Set) and not isinstance(
            node, exp.Query
        ):
            raise _refused(f"{node.key} is not allowed")
        if isinstance(node, exp.Table):
            _table(node)
        elif isinstance(node, exp.In) and (field := node.args.get("field")) is not None:
            _known(field.name) if field.name not in _visible(node) and not isinstance(field, exp.Array) else None


def _table(node: exp.Table) -> None:
    source = node.this
    if isinstance(source, exp.Func):
        name = (source.name if isinstance(source, exp.Anonymous) else source.sql_name()).lower()
        if name not in _TABLE_FUNCTIONS:
            raise _refused(f"table function {name} is not allowed")
        return
    if not isinstance(source, exp.Identifier):
        raise _refused(f"{source.sql(dialect='clickhouse') if source else 'nothing'} is not a table")
    if node.catalog:
        raise _refused(f"table {node.catalog}.{node.db}.{node.name} is not one of ours")
    if node.db == "system" and node.name in _SYSTEM:
        return
    if node.db not in ("", "default"):
        raise _refused(f"table {node.db}.{node.name} is not one of ours", hint="breadboard sql 'SHOW TABLES'")
    if node.db or node.name not in _visible(node):
        _known(node.name)


def _visible(node: exp.Expr) -> set[str]:
    """Return the names that WITH gives in the queries around a node."""
    found: set[str] = set()
    parent: exp.Expr | None = node
    while parent is not None:
        clause = parent.args.get("with_") or parent.args.get("with")
        if isinstance(clause, exp.With):
            found |= {one.alias for one in clause.expressions}
        parent = parent.parent
    return found


def _known(name: str) -> None:
    if name not in schema.NAMES:
        raise _refused(f"there is no table {name!r}", hint="breadboard sql 'SHOW TABLES'")


def _first_line(error: Exception) -> str:
    return re.sub(r"\x1b\[\d*m", "", str(error)).split("\n", 1)[0][:200]


def _refused(sentence: str, hint: str = "breadboard sql 'SELECT count() FROM trades'") -> QueryRefused:
    return QueryRefused(sentence, hint=hint)
