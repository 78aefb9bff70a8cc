"""What somebody sees who signs in or out with a browser: plain pages that need no script and nobody else's files."""

import html
from typing import Final

from starlette.responses import Response

from breadboard.api.page import page

_STYLE: Final = """
:root{--ground:#0b0e14;--panel:#12161f;--line:#262d3b;--text:#e8ecf3;--muted:#9aa6b8;--accent:#7aa2ff;--bad:#ff6b7a;
color-scheme:dark}
@media(prefers-color-scheme:light){:root{--ground:#eef1f5;--panel:#fff;--line:#dbe0e8;--text:#141821;--muted:#525d6f;
--accent:#2456d6;--bad:#c0203a;color-scheme:light}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-content:center;padding:16px;background:var(--ground);
color:var(--text);font:14px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
main{width:min(24rem,calc(100vw - 32px));background:var(--panel);border:1px solid var(--line);border-radius:10px;
padding:24px}
h1{font-size:17px;font-weight:650;margin:0 0 16px}
label{display:block;font-size:12px;color:var(--muted);margin-bottom:4px}
input,button{width:100%;font:inherit;color:inherit;border:1px solid var(--line);border-radius:8px;padding:8px 10px;
background:var(--ground)}
input{font-family:ui-monospace,"SF Mono","Cascadia Mono","DejaVu Sans Mono",monospace}
button{margin-top:12px;font-weight:650;cursor:pointer;border-color:var(--accent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
p{margin:12px 0 0;color:var(--muted);font-size:12px}
p[role=alert]{margin:0 0 12px;color:var(--bad);font-size:14px}
a{color:var(--accent)}
code{overflow-wrap:anywhere}
"""
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">{head}
<title>{title} · Breadboard</title><link rel="icon" href="data:,"><style>{style}</style>
<body><main><h1>{title}</h1>{body}</main></body></html>
"""
# Without an `action` a form goes to where its page is, with the part behind the # that no server ever sees: the screen
# of the terminal that somebody wanted.
_FORM: Final = """{trouble}<form method="post">
<label for="key">API key</label>
<input id="key" name="key" type="password" autocomplete="current-password" spellcheck="false" placeholder="bb_…"
 required autofocus>
<button>Sign in</button></form>
<p>Whoever keeps this server gives out keys: <code>breadboard keys add NAME --scope read --days 90</code></p>"""
_LEAVE: Final = """<form method="post"><button>Sign out</button></form>
<p>Signed in as {name}, with a key of scope {scope}. <a href="/">Pages</a> · <a href="/live/">Terminal</a></p>"""


def form(trouble: str = "", hint: str = "", status: int = 200, retry_after_s: int = 0) -> Response:
    """Return the page on which somebody signs in, with what was wrong before, if anything."""
    said = f"{trouble}: {hint}" if hint else trouble
    told = f'<p role="alert">{html.escape(said)}</p>' if trouble else ""
    answer = _made("Sign in", _FORM.format(trouble=told), status)
    if retry_after_s:
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer


def leave(name: str, scope: str) -> Response:
    """Return the page on which somebody signs out."""
    return _made("Sign out", _LEAVE.format(name=html.escape(name), scope=html.escape(scope)))


def once_more(place: str) -> Response:
    """Return a page that goes to this place of ours: from here, and not from a link elsewhere, the cookie is sent."""
    where = html.escape(place)
    head = f'<meta http-equiv="refresh" content="0;url={where}">'
    return _made("One moment", f'<p><a href="{where}">Go on</a></p>', head=head)


def _made(title: str, body: str, status: int = 200, head: str = "") -> Response:
    return page(_PAGE.format(title=title, style=_STYLE, head=head, body=body), status, forms=True)
