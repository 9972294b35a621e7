package report

import (
	"cmp"
	"slices"
	"strings"
)

// budget prints when each key dies that can call private endpoints of the project.
func (p *printer) budget(r *Report) {
	if rows := r.budgetRows(); len(rows) > 0 {
		p.section(budgetTitle)
		shown(p, rows, func(rows [][]string) { p.table("  ", rows) })
	}
}

const budgetTitle = "When the keys die that can call private endpoints"

// budgetRows are these keys, the next to die first.
func (r *Report) budgetRows() [][]string {
	type line struct {
		CallerKey

		who string
	}
	var all []line
	for _, c := range r.Callers {
		for _, k := range c.Keys {
			all = append(all, line{k, c.Kind + " " + c.Name})
		}
	}
	slices.SortStableFunc(all, func(a, b line) int {
		switch {
		case a.ExpiresAt != nil && b.ExpiresAt != nil:
			return cmp.Or(a.ExpiresAt.Compare(*b.ExpiresAt), cmp.Compare(a.who, b.who))
		case a.ExpiresAt != nil:
			return -1
		case b.ExpiresAt != nil:
			return 1
		}
		return cmp.Or(cmp.Compare(a.who, b.who), cmp.Compare(a.AccessKey, b.AccessKey))
	})
	rows := make([][]string, 0, len(all))
	for _, k := range all {
		row := []string{"never", k.AccessKey, k.who, "", "nobody replaces it"}
		if k.ExpiresAt != nil {
			row[0], row[3] = Date(*k.ExpiresAt), "in "+count(Days(k.ExpiresAt.Sub(r.StartedAt)), "day")
		}
		switch {
		case k.Rotated:
			row[4] = cmp.Or(r.ends(k.AccessKey), "a run replaces it")
		case k.Managed:
			row[4] = "Scaleway manages it"
		}
		sign := "✓"
		switch {
		case k.Notice > 0:
			sign = "✗"
		case !k.Rotated && !k.Managed && k.ExpiresAt != nil:
			sign = "?"
		}
		rows = append(rows, append([]string{sign}, row...))
	}
	return rows
}

// ends says when a run replaces a key, or deletes it, "" where that is not known.
func (r *Report) ends(accessKey string) string {
	for _, a := range r.Applications {
		for _, e := range a.Next {
			switch {
			case !strings.Contains(e.What, accessKey):
			case e.Kind == "delete":
				return "a run deletes it on " + Day(e.At, r.StartedAt)
			case e.Kind == "rotate":
				return "a run replaces it on " + Day(e.At, r.StartedAt)
			}
		}
	}
	return ""
}
