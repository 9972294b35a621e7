package report

import (
	"html/template"
	"io"
)

// What the picture measures in an SVG of its own, in pixels.
const (
	svgTop    = 40 // of the first row: the axis is above
	svgBar    = 20
	svgGap    = 8 // between applications
	svgLegend = 100
)

// svgRow is an application, and where its first bar is.
type svgRow struct {
	Name string
	Y    int
	Bars []svgBarOf
}

type svgBarOf struct {
	bar

	Y int // in its row
}

// SVG writes the picture of the keys alone, as the page shows it: for where a page
// cannot be shown.
func (r *Report) SVG(w io.Writer) error {
	p, at := r.picture(), svgTop
	rows := make([]svgRow, 0, len(p.Rows))
	for _, row := range p.Rows {
		drawn := svgRow{Name: row.Name, Y: at}
		for i, b := range row.Bars {
			drawn.Bars = append(drawn.Bars, svgBarOf{b, i * svgBar})
		}
		at += len(row.Bars)*svgBar + svgGap
		rows = append(rows, drawn)
	}
	type item struct {
		legendItem

		X, Y int
	}
	var legend []item
	for i, l := range p.Legend {
		legend = append(legend, item{l, 10 + i%3*300, at + 14 + i/3*svgBar})
	}
	t, err := template.New("").Parse(templates + svgTemplate)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, "svg", struct {
		picture

		Style          template.CSS
		Height, Bottom int
		Drawn          []svgRow
		Means          []item
	}{p, svgStyle, at + svgLegend, at, rows, legend})
}

// marksStyle is how the picture's bars and marks look, on the page and in a file.
const marksStyle = `.month{stroke:var(--line)}
.today{stroke:var(--fg);stroke-width:2}
.bar{stroke-width:1.5;stroke:var(--fg);fill:none}
.bar.current{fill:var(--key);stroke:var(--key)}
.bar.later{stroke:var(--key);stroke-dasharray:6 3}
.bar.grace{fill:url(#grace);stroke:var(--old)}
.bar.superseded{fill:url(#superseded);stroke:var(--old)}
.bar.expired{stroke:var(--dim);stroke-dasharray:2 3}
.mark{fill:var(--bg);stroke:var(--fg);stroke-width:2}
.arrow{fill:none;stroke:var(--fg);stroke-width:2}
.stripe{stroke:var(--old);stroke-width:2}
.dot{fill:var(--old)}
`

// svgStyle is the page's, as far as the picture needs it: one file is shown on light
// and on dark pages.
const svgStyle = `
svg{--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#c9d1d9;--key:#0b5cad;--old:#6b3fa0;overflow:visible}
@media (prefers-color-scheme:dark){svg{--bg:#0d1117;--fg:#e6edf3;--dim:#a3adb8;--line:#3a424b;--key:#6cb6ff;--old:#c8a6ff}}
.ground{fill:var(--bg)}
text{font:12px system-ui,sans-serif;fill:var(--dim)}
.now,.name{fill:var(--fg);font-weight:600}
` + marksStyle

const svgTemplate = `{{define "svg"}}<svg xmlns="http://www.w3.org/2000/svg" role="img" width="920" height="{{.Height}}" viewBox="0 0 920 {{.Height}}">
<title>The keys, each from its creation to its death</title><desc>{{.Span}}</desc>
<style>{{.Style}}</style>
<defs>
<pattern id="grace" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><line class="stripe" x1="0" y1="0" x2="0" y2="7" /></pattern>
<pattern id="superseded" width="6" height="6" patternUnits="userSpaceOnUse"><circle class="dot" cx="3" cy="3" r="1.25" /></pattern>
</defs>
<rect class="ground" width="100%" height="100%" />
<svg x="160" width="740">
{{range .Months}}<line class="month" x1="{{.X}}" y1="24" x2="{{.X}}" y2="{{$.Bottom}}" />{{if .Name}}<text x="{{.X}}" dx="4" y="34">{{.Name}}</text>{{end}}
{{end}}<line class="today" x1="{{.Today}}" y1="18" x2="{{.Today}}" y2="{{.Bottom}}" /><text class="now" x="{{.Today}}" y="13" text-anchor="middle">today</text>
</svg>
{{range .Drawn}}<text class="name" x="10" y="{{.Y}}" dy="14">{{.Name}}</text>
<svg x="160" y="{{.Y}}" width="740">
{{range .Bars}}<svg y="{{.Y}}" height="20"><title>{{.Title}}, {{.Said}}</title>
<svg y="50%"><rect class="bar {{.Look}}" x="{{.X}}" y="-6" width="{{.Width}}" height="12" />
{{if .Later}}<rect class="bar later" x="{{.Later}}" y="-6" width="{{.LaterWidth}}" height="12" />{{end}}</svg>
{{if .Before}}<svg x="0%" y="50%"><path class="arrow" d="M9-5L4 0 9 5" /></svg>{{end}}
{{if .Beyond}}<svg x="100%" y="50%"><path class="arrow" d="M-9-5L-4 0-9 5" /></svg>{{end}}
{{with .Rotated}}<svg x="{{.}}" y="50%">{{template "rotation"}}</svg>{{end}}
{{with .Deleted}}<svg x="{{.}}" y="50%">{{template "deletion"}}</svg>{{end}}
{{with .Expires}}<svg x="{{.}}" y="50%">{{template "expiry"}}</svg>{{end}}</svg>
{{end}}</svg>
{{end}}{{range .Means}}<svg x="{{.X}}" y="{{.Y}}" width="32" height="14">{{template "sample" .Look}}</svg><text x="{{.X}}" dx="40" y="{{.Y}}" dy="11">{{.Means}}</text>
{{end}}</svg>
{{end}}`
