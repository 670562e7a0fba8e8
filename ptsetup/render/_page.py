"""The frame of an HTML report: style for light, dark, paper, 360 and 1600 pixels; nothing comes from the network."""

import html

STYLE = """
:root{color-scheme:light dark;--bg:#f7f7f5;--card:#fff;--ink:#1c1d1f;--dim:#5d6168;--line:#dddfe2;--ok:#18794e;--bad:#c01c28;
--warn:#8f5b00;--track:#e9eaec;--a:#2f6fb5;--b:#8db4de;--band:#18794e22}
@media(prefers-color-scheme:dark){:root{--bg:#15171a;--card:#1e2125;--ink:#e6e7e9;--dim:#9aa0a8;--line:#33373d;--ok:#4cc38a;
--bad:#ff7b86;--warn:#e0a94a;--track:#2c3036;--a:#6ea8e8;--b:#3d5f86;--band:#4cc38a26}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1240px;margin:0 auto;padding:20px 16px 48px}
h1{font-size:1.45rem;line-height:1.3;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:1.05rem;margin:0 0 12px}
h3{font-size:.95rem;margin:0 0 4px}
p{margin:0 0 8px;overflow-wrap:anywhere}
section,header{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:16px;margin:0 0 16px}
.dim,small{color:var(--dim)}small{font-size:.85rem}
.ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}
header{border-left:6px solid var(--ok)}header.bad,header.warn{border-left-color:var(--bad);color:inherit}
header.warn{border-left-color:var(--warn)}
.finding{border-left:4px solid var(--bad);padding:2px 0 2px 12px;margin:0 0 16px}.finding.warn{border-left-color:var(--warn);color:inherit}
code,pre,textarea{font:13px/1.45 ui-monospace,monospace}
pre{background:var(--track);padding:8px 10px;border-radius:5px;margin:6px 0 0;white-space:pre-wrap;overflow-wrap:anywhere}
.wide{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px}.wide>section{margin:0}
.wide{margin:0 0 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(128px,1fr));gap:12px;margin:0 0 16px}
.tile b{display:block;font-size:1.1rem;line-height:1.3;font-variant-numeric:tabular-nums}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,310px),1fr));gap:16px}
figure{margin:0}figcaption{font-size:.85rem;color:var(--dim)}
svg{width:100%;max-width:440px;height:auto;display:block}
svg text{fill:var(--dim);font:11px system-ui,sans-serif}
svg .grid{stroke:var(--line)}svg .curve{fill:none;stroke:var(--a);stroke-width:2}svg .mark{fill:var(--a)}
svg .band{fill:var(--band)}svg .bound{stroke:var(--ok);stroke-dasharray:4 3}svg .last{fill:var(--ok)}svg .last.bad{fill:var(--bad)}
.rows{column-width:520px;column-gap:32px}
.group{break-inside:avoid}
.group h3{color:var(--dim);font-weight:600;margin-top:8px}
.row{display:grid;grid-template-columns:minmax(0,1fr) 120px 158px;gap:10px;align-items:center;padding:3px 0;break-inside:avoid}
.row>span:first-child{overflow-wrap:anywhere}
.row>span:last-child{text-align:right;font-size:.85rem;font-variant-numeric:tabular-nums}
.scale{position:relative;height:12px;background:var(--track);border-radius:6px}
.scale::after{content:"";position:absolute;left:85%;top:-2px;bottom:-2px;border-left:2px solid var(--dim)}
.scale i{position:absolute;top:1px;width:10px;height:10px;margin-left:-5px;border-radius:5px;background:var(--ok)}
.scale i.bad{background:var(--bad);border-radius:0}
.bars{display:grid;grid-template-columns:max-content minmax(60px,1fr) max-content;gap:8px 12px;align-items:center}
.bars>div{display:contents}.bars span{font-variant-numeric:tabular-nums;font-size:.9rem}
.bar{position:relative;height:16px;background:var(--track);border-radius:3px;overflow:hidden}
.bar i{position:absolute;left:0;top:0;bottom:0;background:var(--b)}.bar i+i{background:var(--a);top:4px;bottom:4px}
.key i{display:inline-block;width:12px;height:12px;border-radius:2px;margin:0 5px -1px 0;background:var(--a)}
.key i.own{background:var(--b)}.key i.sheet{background:var(--track);outline:1px solid var(--line)}.key span{margin-right:16px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:4px 10px 4px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:500;color:var(--dim)}td.num,th.num{text-align:right;font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto}.scroll table{width:auto}.scroll td,.scroll th{white-space:nowrap;overflow-wrap:normal;padding-right:16px}
textarea{width:100%;height:220px;background:var(--track);color:inherit;border:1px solid var(--line);border-radius:5px;padding:8px}
button{font:inherit;background:var(--card);color:inherit;border:1px solid var(--line);border-radius:5px;padding:5px 12px;cursor:pointer}
button:focus-visible,textarea:focus-visible,summary:focus-visible{outline:2px solid var(--a);outline-offset:2px}
summary{cursor:pointer}
@media(max-width:520px){.row{grid-template-columns:minmax(0,1fr) auto}.row .scale{grid-column:1/-1;grid-row:2}
.bars{display:block}.bars>div{display:grid;grid-template-columns:1fr auto;gap:2px 10px;margin:0 0 8px}
.bars .bar{grid-column:1/-1;grid-row:2}main{padding:10px 8px 32px}section,header{padding:12px}}
@media print{:root{color-scheme:light;--bg:#fff;--card:#fff;--ink:#000;--dim:#444;--line:#bbb;--ok:#0b5c38;--bad:#a00;--warn:#704700;
--track:#e6e6e6;--a:#245a94;--b:#9dbde0;--band:#0b5c3818}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{font-size:10.5pt}main{max-width:none;padding:0}
section,header{border-radius:0;border-width:0 0 1px;padding:8px 0}header{padding-left:10px;border-left-width:6px}
.screen{display:none}h2{break-after:avoid}figure,.tile,.finding{break-inside:avoid}.rows{column-width:300px}}
"""

SCRIPT = """
document.getElementById("copy").addEventListener("click",function(){
var text=document.getElementById("json"),button=this;
function done(){button.textContent="Copied";setTimeout(function(){button.textContent="Copy"},2000)}
if(navigator.clipboard&&window.isSecureContext){navigator.clipboard.writeText(text.value).then(done)}
else{text.focus();text.select();if(document.execCommand("copy")){done()}}});
"""


def text(value: object) -> str:
    """Anything as escaped text."""
    return html.escape(str(value), quote=True)


def page(title: str, body: str) -> str:
    """A whole document."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'\">\n"
        f"<title>{text(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n"
        f"<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def section(title: str, body: str, *, kind: str = "") -> str:
    """A headed part of the page; nothing where there is nothing in it."""
    attribute = f' class="{text(kind)}"' if kind else ""
    return f"<section{attribute}>\n<h2>{text(title)}</h2>\n{body}</section>\n" if body else ""


def table(rows: "list[tuple[str, object]]") -> str:
    """Two columns: a name and its value."""
    cells = "".join(f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>\n' for name, value in rows)
    return f"<table><tbody>\n{cells}</tbody></table>\n" if cells else ""
