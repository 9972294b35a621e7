package report

import (
	"fmt"
	"slices"
	"strings"
)

// endpoints is the access matrix: a row an endpoint, a column a caller.
func (p *printer) endpoints(r *Report) {
	if len(r.Endpoints) == 0 && r.Counts().Endpoints == 0 {
		return
	}
	p.section("Endpoints: who is let in")
	p.line("  A key is let in where the gateway's refusal does not come back; on functions, their runtime then says 404.")
	var callers []string
	for _, k := range r.CheckingKeys {
		callers = append(callers, k.Application)
		p.line("  The key of %s asks every endpoint of %s (%s).", k.Application, strings.Join(k.Products, " and "), k.Why)
	}
	if len(callers) > 0 {
		p.line("  Each other key asks one endpoint of each product, and stands with its application.")
	}
	if len(r.Endpoints) > 0 {
		shown(p, r.Endpoints, func(rows []Endpoint) { p.matrix(rows, callers) })
	}
	p.sums(r, "endpoint")
}

func (p *printer) matrix(endpoints []Endpoint, callers []string) {
	rows := [][]string{append([]string{"", "", "NO TOKEN", "MALFORMED", "UNKNOWN"}, callers...)}
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
	p.table("  ", rows)
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
	if len(r.LegacyTokens) == 0 && !slices.ContainsFunc(r.SummedUp, func(s Sum) bool { return s.Kind == "legacy token" }) {
		return
	}
	p.section("Legacy tokens")
	shown(p, r.LegacyTokens, func(tokens []LegacyToken) {
		rows := make([][]string, 0, len(tokens))
		for _, t := range tokens {
			rows = append(rows, []string{t.ID, t.Scope + " " + t.Of, t.Region, expiry(t.ExpiresAt, "expires"), t.fate(), t.Why})
		}
		p.table("  ", rows)
	})
	p.sums(r, "legacy token")
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
