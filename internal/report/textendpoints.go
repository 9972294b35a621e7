package report

import (
	"fmt"
	"strings"
)

// endpoints is the access matrix: a row an endpoint, a column a caller.
func (p *printer) endpoints(r *Report) {
	if len(r.Endpoints) == 0 && r.Counts().Endpoints == 0 {
		return
	}
	p.section("Endpoints: who is let in")
	for _, sentence := range r.howAsked() {
		p.line("  %s", sentence)
	}
	if callers := r.checking(); len(r.Endpoints) > 0 {
		head := append([]string{"", "", "NO TOKEN", "MALFORMED", "UNKNOWN"}, callers...)
		shown(p, r.Endpoints, func(rows []Endpoint) { p.table("  ", append([][]string{head}, matrix(rows, callers)...)) })
	}
	p.sums(r, "endpoint")
}

// howAsked says how the matrix is to be read.
func (r *Report) howAsked() []string {
	sentences := []string{"A key is let in where the gateway's refusal does not come back; on functions, their runtime then says 404."}
	for _, k := range r.CheckingKeys {
		sentences = append(sentences, fmt.Sprintf("The key of %s asks every endpoint of %s (%s).", k.Application, strings.Join(k.Products, " and "), k.Why))
	}
	if len(r.CheckingKeys) > 0 {
		sentences = append(sentences, "Each other key asks one endpoint of each product, and stands with its application.")
	}
	return sentences
}

// checking are the applications whose keys have a column of the matrix.
func (r *Report) checking() (callers []string) {
	for _, k := range r.CheckingKeys {
		callers = append(callers, k.Application)
	}
	return callers
}

// matrix has a row an endpoint, a column a caller, and a note at the end.
func matrix(endpoints []Endpoint, callers []string) (rows [][]string) {
	for _, e := range endpoints {
		row := []string{mark(e), name(e), cell(e.NoToken), cell(e.Malformed), cell(e.Unknown)}
		for _, c := range callers {
			text := "-"
			for _, k := range e.Keys {
				if k.Application == c {
					text = cell(k)
				}
			}
			row = append(row, text)
		}
		rows = append(rows, append(row, e.note()))
	}
	return rows
}

func mark(e Endpoint) string {
	switch e.Result {
	case "ok", "own", "disabled":
		return "✓"
	case "unproven":
		return "?"
	default:
		return "✗"
	}
}

func name(e Endpoint) string {
	if e.Custom {
		host, _, _ := strings.Cut(strings.TrimPrefix(e.URL, "https://"), "/")
		return host
	}
	return fmt.Sprintf("%s/%s (%s)", e.Namespace, e.Resource, e.Region)
}

func (e Endpoint) note() string {
	if e.Result == "ok" {
		return ""
	}
	return e.Result + ": " + e.Detail
}

func cell(p Probe) string {
	switch {
	case p.Result == "not tried":
		return "-"
	case p.Status == 0:
		return p.Detail
	default:
		return fmt.Sprintf("%s %d", p.Result, p.Status)
	}
}

func (p *printer) tokens(r *Report) {
	if len(r.LegacyTokens) == 0 && !r.hasSums("legacy token") {
		return
	}
	p.section("Legacy tokens")
	shown(p, r.LegacyTokens, func(tokens []LegacyToken) { p.table("  ", tokenRows(tokens)) })
	p.sums(r, "legacy token")
}

func tokenRows(tokens []LegacyToken) [][]string {
	rows := make([][]string, 0, len(tokens))
	for _, t := range tokens {
		rows = append(rows, []string{t.ID, t.Scope + " " + t.Of, t.Region, expiry(t.ExpiresAt, "expires"), t.fate(), t.Why})
	}
	return rows
}

// fate is what became of the token, and of a held one when it goes.
func (t LegacyToken) fate() string {
	switch {
	case t.Result != "held":
		return t.Result
	case t.GoesAt == nil:
		return "held until a person acts"
	default:
		return "held until " + Date(*t.GoesAt)
	}
}
