package report

// style is all that a page looks like. What a color says, a sign, a pattern or a
// word says as well.
const style = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#c9d1d9;--soft:#f4f6f8;--good:#116329;--bad:#a40e26;--open:#7d4e00;--key:#0b5cad;--old:#6b3fa0}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#a3adb8;--line:#3a424b;--soft:#171c23;--good:#56d364;--bad:#ff8f87;--open:#e3b341;--key:#6cb6ff;--old:#c8a6ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
main{max-width:90rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;line-height:1.25;margin:0}
h2{font-size:1.2rem;margin:2rem 0 .5rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
h3{font-size:1rem;margin:1rem 0 .25rem}
p,ul{margin:.25rem 0}
ul{padding-left:1.25rem}
a{color:var(--key)}
nav{margin:1rem 0 0;font-size:.875rem}
nav a{display:inline-block;padding:.25rem .75rem .25rem 0}
code{font:.875rem/1.5 ui-monospace,monospace}
.good{color:var(--good)}
.bad{color:var(--bad)}
.open{color:var(--open)}
.dim{color:var(--dim);font-size:.875rem}
.lines{white-space:pre-line}
.matters{list-style:none;padding:0}
.matters>li{margin:.5rem 0;padding:.5rem .75rem;background:var(--soft);border-left:.25rem solid var(--line)}
.matters .error{border-color:var(--bad)}
.matters .warning{border-color:var(--open);border-left-style:double}
.error>p>.level{color:var(--bad)}
.warning>p>.level{color:var(--open)}
.hint::before{content:"→ "}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.875rem}
th,td{text-align:left;vertical-align:top;font-weight:400;padding:.25rem .75rem .25rem 0;border-bottom:1px solid var(--line);min-width:1.5rem;max-width:30rem;overflow-wrap:break-word}
thead th{color:var(--dim);white-space:nowrap}
tbody th{font-weight:600}
figure{margin:0}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;font-size:.875rem}
.legend svg{width:2rem;height:.875rem;vertical-align:-.125rem;margin-right:.375rem}
.application{break-inside:avoid}
.key{padding:.125rem 0}
.label{padding:.25rem 0}
.time{position:relative;height:1.75rem}
.axis .time{height:2.25rem}
.time>svg{position:absolute;top:0;left:0;width:100%;height:100%}
svg{overflow:hidden}
svg svg{overflow:visible}
svg text{font:12px system-ui,sans-serif;fill:var(--dim)}
svg .now{fill:var(--fg);font-weight:600}
` + marksStyle + `.defs{position:absolute;width:0;height:0}
@media (max-width:48rem){
table{width:max-content}
th,td{max-width:18rem}
}
@media (min-width:48rem){
.key{display:grid;grid-template-columns:20rem 1fr;gap:0 1rem;padding:0}
.time{height:auto;min-height:1.75rem}
}
@media (min-width:72rem){
.key{grid-template-columns:27rem 1fr}
}
@media print{
:root{color-scheme:light;--bg:#fff;--fg:#000;--dim:#444;--line:#bbb;--soft:#fff;--good:#116329;--bad:#a40e26;--open:#7d4e00;--key:#0b5cad;--old:#6b3fa0}
body{font-size:10pt}
main{max-width:none;padding:0}
table{width:auto}
nav{display:none}
.scroll{overflow:visible}
table{font-size:9pt}
th,td,thead th{overflow-wrap:anywhere;white-space:normal;max-width:none;padding-right:.5rem}
th.short,td.short{overflow-wrap:normal}
h2,h3{break-after:avoid}
tr,.matters>li{break-inside:avoid}
svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}
`

// templates are the pages. They are XML as well, so that a test can be strict.
const templates = `{{define "page"}}{{template "top" .}}
{{template "head" .Head}}
<nav aria-label="Parts of the report">
{{if .ToActOn}}<a href="#act">To act on</a>{{end}}
{{range .Wrong}}<a href="#{{.ID}}">{{.Title}}</a>{{end}}
{{if .Left.Lines}}<a href="#left">Left for the next run</a>{{end}}
{{if .Picture.Rows}}<a href="#keys">The keys</a>{{end}}
{{if .Applications}}<a href="#applications">Applications</a>{{end}}
{{range .Sections}}<a href="#{{.ID}}">{{.Title}}</a>
{{end}}
{{if .Notes}}<a href="#notes">Notes</a>{{end}}
</nav>
{{with .ToActOn}}<section id="act"><h2>To act on</h2>{{template "matters" .}}</section>{{end}}
{{range .Wrong}}{{template "section" .}}{{end}}
{{if .Left.Lines}}<section id="left"><h2>Left for the next run</h2>{{template "lines" .Left}}</section>{{end}}
{{if .Picture.Rows}}{{template "picture" .Picture}}{{end}}
{{with .Applications}}<section id="applications"><h2>Applications</h2>
{{range .}}<article class="application"><h3>{{.Name}}: {{.Action}}</h3>
<p class="dim">{{.Why}}</p>
{{if .Keys.Rows}}{{template "grid" .Keys}}{{end}}
{{range .Lines}}<p>{{.}}</p>
{{end}}</article>
{{end}}</section>{{end}}
{{range .Sections}}{{template "section" .}}{{end}}
{{with .Notes}}<section id="notes"><h2>Notes</h2>{{template "matters" .}}</section>{{end}}
<footer><p class="dim">{{.Cost}}</p></footer>
{{template "bottom"}}{{end}}

{{define "brief"}}{{template "top" .}}
{{template "head" .Head}}
<section id="counts"><h2>{{.Counts.Title}}</h2>{{template "grid" .Counts}}</section>
<p class="hint lines">{{.Hint}}</p>
{{template "bottom"}}{{end}}

{{define "refusal"}}{{template "top" .}}
<h1><span class="bad">✗</span> Refused</h1>
<p class="lines">{{.Text}}</p>
{{with .Hint}}<p class="hint lines">{{.}}</p>{{end}}
{{template "bottom"}}{{end}}

{{define "top"}}<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta http-equiv="Content-Security-Policy" content="{{.Policy}}" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta name="referrer" content="no-referrer" />
<title>{{.Title}}</title>
<style>{{.Style}}</style>
</head>
<body>
<main>{{end}}

{{define "bottom"}}</main>
</body>
</html>
{{end}}

{{define "head"}}<header>
<h1><span class="{{if .Good}}good{{else}}bad{{end}}">{{.Sign}} {{.Outcome}}</span>, {{.ToDo}}</h1>
<p class="dim">{{.Of}}</p>
{{range .InShort}}<p>{{.}}</p>
{{end}}</header>{{end}}

{{define "matters"}}<ul class="matters">
{{range .}}<li class="{{.Level}}"><p><strong class="level">{{.Level}}</strong>: {{range $i, $s := .Subjects}}{{if $i}}, {{end}}<strong>{{$s}}</strong>{{end}}{{with .More}} {{.}}{{end}}{{if .Subjects}}: {{end}}{{.Title}}</p>
{{range .Lines}}<p>{{.}}</p>
{{end}}{{with .Hint}}<p class="hint">{{.}}</p>{{end}}</li>
{{end}}</ul>{{end}}

{{define "lines"}}<ul>{{range .Lines}}<li>{{.}}</li>
{{end}}</ul>{{with .More}}<p>{{.}}</p>{{end}}{{end}}

{{define "section"}}<section id="{{.ID}}"><h2>{{.Title}}</h2>
{{range .Intro}}<p class="dim">{{.}}</p>
{{end}}{{range .Tables}}{{template "grid" .}}
{{end}}{{with .More}}<p>{{.}}</p>{{end}}</section>
{{end}}

{{define "grid"}}<div class="scroll" tabindex="0" role="region" aria-label="{{.Title}}"><table>
{{with .Head}}<thead><tr>{{range .}}{{if .Text}}<th scope="col"{{with .Class}} class="{{.}}"{{end}}>{{.Text}}</th>{{else}}<td></td>{{end}}{{end}}</tr></thead>
{{end}}<tbody>
{{range .Rows}}<tr>{{range .}}{{if .Name}}<th scope="row"{{with .Class}} class="{{.}}"{{end}}>{{.Text}}</th>{{else}}<td{{with .Class}} class="{{.}}"{{end}}>{{.Text}}</td>{{end}}{{end}}</tr>
{{end}}</tbody></table></div>{{end}}

{{define "picture"}}<section id="keys"><h2>The keys</h2>
<svg class="defs" aria-hidden="true" width="0" height="0"><defs>
<pattern id="grace" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="stripe" x1="0" y1="0" x2="0" y2="7" /></pattern>
<pattern id="superseded" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="dot" cx="3" cy="3" r="1.25" /></pattern>
</defs></svg>
<figure><figcaption><p class="dim">{{.Span}}</p>
<ul class="legend">{{range .Legend}}<li><svg aria-hidden="true" width="32" height="14">{{template "sample" .Look}}</svg>{{.Means}}</li>
{{end}}</ul></figcaption>
<div class="key axis"><div></div><div class="time"><svg role="img"><title>The axis of time</title><desc>{{.Span}}</desc>
{{range .Months}}<line class="month" x1="{{.X}}" y1="18" x2="{{.X}}" y2="100%" />{{if .Name}}<text x="{{.X}}" dx="4" y="30">{{.Name}}</text>{{end}}
{{end}}<line class="today" x1="{{.Today}}" y1="16" x2="{{.Today}}" y2="100%" /><text class="now" x="{{.Today}}" y="12" text-anchor="middle">today</text></svg></div></div>
{{range .Rows}}<div class="application"><h3>{{.Name}}</h3>
{{range .Bars}}{{template "bar" .}}
{{end}}</div>
{{end}}</figure>
{{with .More}}<p>{{.}}</p>{{end}}</section>{{end}}

{{define "bar"}}<div class="key"><div class="label"><code>{{.Key}}</code> {{.State}}<br /><span class="dim">{{.Said}}</span></div>
<div class="time"><svg role="img"><title>{{.Title}}</title><desc>{{.Said}}</desc>
{{range .Months}}<line class="month" x1="{{.X}}" y1="0" x2="{{.X}}" y2="100%" />{{end}}
<svg y="50%"><rect class="bar {{.Look}}" x="{{.X}}" y="-6" width="{{.Width}}" height="12" />
{{if .Later}}<rect class="bar later" x="{{.Later}}" y="-6" width="{{.LaterWidth}}" height="12" />{{end}}</svg>
<line class="today" x1="{{.Today}}" y1="0" x2="{{.Today}}" y2="100%" />
{{if .Before}}<svg x="0%" y="50%"><path class="arrow" d="M9-5L4 0 9 5" /></svg>{{end}}
{{if .Beyond}}<svg x="100%" y="50%"><path class="arrow" d="M-9-5L-4 0-9 5" /></svg>{{end}}
{{with .Rotated}}<svg x="{{.}}" y="50%">{{template "rotation"}}</svg>{{end}}
{{with .Deleted}}<svg x="{{.}}" y="50%">{{template "deletion"}}</svg>{{end}}
{{with .Expires}}<svg x="{{.}}" y="50%">{{template "expiry"}}</svg>{{end}}</svg></div></div>{{end}}

{{define "rotation"}}<path class="mark" d="M0-6L6 0 0 6-6 0z" />{{end}}
{{define "deletion"}}<path class="arrow" d="M-5-5L5 5M5-5L-5 5" />{{end}}
{{define "expiry"}}<path class="arrow" d="M0-8L0 8" />{{end}}

{{define "sample"}}{{if eq . "rotation"}}<svg x="50%" y="50%">{{template "rotation"}}</svg>
{{- else if eq . "deletion"}}<svg x="50%" y="50%">{{template "deletion"}}</svg>
{{- else if eq . "expiry"}}<svg x="50%" y="50%">{{template "expiry"}}</svg>
{{- else if eq . "beyond"}}<svg x="50%" y="50%"><path class="arrow" d="M-2-5L3 0-2 5" /></svg>
{{- else}}<rect class="bar {{.}}" x="1" y="1" width="30" height="12" />{{end}}{{end}}
`
