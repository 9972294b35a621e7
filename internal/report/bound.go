package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

const (
	// rowsMax is how many rows of a kind that are as they should be a report shows
	// one by one. More are counted.
	rowsMax = 100
	// bytesMax is the most that a report takes as JSON: the platform carries 6 MiB.
	bytesMax = 5 << 20
)

// Sum stands for rows that are as they should be, and that are not shown one by
// one: they differ in their names alone.
type Sum struct {
	Kind      string `json:"kind"`      // endpoint, consumer, legacy token or change
	Product   string `json:"product"`   // functions or containers; "": does not apply, as the two below
	Region    string `json:"region"`    // where they are
	Namespace string `json:"namespace"` // that they are in
	Result    string `json:"result"`    // of each of them
	Detail    string `json:"detail"`    // of each of them
	Count     int    `json:"count"`
}

// SumUp counts the rows that are as they should be by namespace, where there are
// many: nobody reads a thousand lines that say the same. Every row that is not as
// it should be stays. What Counts says does not change.
func (r *Report) SumUp() {
	counts := r.Counts()
	r.counts = &counts
	r.Endpoints = sumUp(r, r.Endpoints, func(e Endpoint) (Sum, bool) {
		return Sum{Kind: "endpoint", Product: e.Product, Region: e.Region, Namespace: e.Namespace, Result: e.Result}, mark(e) == "✓"
	})
	r.Consumers = sumUp(r, r.Consumers, func(c Consumer) (Sum, bool) {
		fine := c.Result != "behind" && c.Result != "failed" && c.Result != "deploying"
		return Sum{Kind: "consumer", Region: c.Region, Namespace: c.Namespace, Result: c.Result}, fine
	})
	r.LegacyTokens = sumUp(r, r.LegacyTokens, func(t LegacyToken) (Sum, bool) {
		fine := t.Result == "deleted" || t.Result == "would delete" || t.Result == "reported" || t.Result == "held" && t.GoesAt != nil
		return Sum{Kind: "legacy token", Product: t.Product, Region: t.Region, Result: t.Result, Detail: t.fate()}, fine
	})
	r.Changes = sumUp(r, r.Changes, func(c Change) (Sum, bool) {
		return Sum{Kind: "change", Result: string(c.Result), Detail: c.Kind}, c.Kind == "delete_token" && (c.Result == Done || c.Result == Planned)
	})
}

// sumUp moves rows that are fine into sums, where there are more than a person
// reads.
func sumUp[Row any](r *Report, rows []Row, sum func(Row) (of Sum, fine bool)) []Row {
	sums, fines := map[Sum]int{}, 0
	var order []Sum
	rest := []Row{}
	for _, row := range rows {
		of, fine := sum(row)
		if !fine {
			rest = append(rest, row)
			continue
		}
		if fines++; sums[of] == 0 {
			order = append(order, of)
		}
		sums[of]++
	}
	if fines <= rowsMax {
		return rows
	}
	for _, of := range order {
		of.Count = sums[of]
		r.SummedUp = append(r.SummedUp, of)
	}
	return rest
}

// JSON writes the report, and of its lists as much as there is room for: Cut says
// what is left out.
func (r *Report) JSON(w io.Writer) error {
	for {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
		if out.Len() <= bytesMax || !r.shorten() {
			_, err := w.Write(out.Bytes())
			return err
		}
	}
}

// list is one of a report's that may grow long.
type list struct {
	name string
	rows int
	keep func(n int)
}

// shorten takes a quarter off the longest list; false: there is none.
func (r *Report) shorten() bool {
	if r.counts == nil {
		counts := r.Counts()
		r.counts = &counts
	}
	longest := slices.MaxFunc([]list{
		{"endpoints", len(r.Endpoints), func(n int) { r.Endpoints = r.Endpoints[:n] }},
		{"consumers", len(r.Consumers), func(n int) { r.Consumers = r.Consumers[:n] }},
		{"legacy_tokens", len(r.LegacyTokens), func(n int) { r.LegacyTokens = r.LegacyTokens[:n] }},
		{"changes", len(r.Changes), func(n int) { r.Changes = r.Changes[:n] }},
		{"findings", len(r.Findings), func(n int) { r.Findings = r.Findings[:n] }},
		{"left", len(r.Left), func(n int) { r.Left = r.Left[:n] }},
	}, func(a, b list) int { return cmp.Compare(a.rows, b.rows) })
	if longest.rows < 2 {
		return false
	}
	kept := longest.rows * 3 / 4
	longest.keep(kept)
	i := slices.IndexFunc(r.Cut, func(c Cut) bool { return c.List == longest.name })
	if i < 0 {
		r.Cut = append(r.Cut, Cut{List: longest.name})
		i = len(r.Cut) - 1
	}
	r.Cut[i].Rows += longest.rows - kept
	return true
}

// sums writes what was summed up of a kind, a line for each product, region and
// result: who wants to know by namespace has the JSON.
func (p *printer) sums(r *Report, kind string) { p.table("  ", r.sumRows(kind)) }

// hasSums tells whether something of a kind was summed up.
func (r *Report) hasSums(kind string) bool {
	return slices.ContainsFunc(r.SummedUp, func(s Sum) bool { return s.Kind == kind })
}

func (r *Report) sumRows(kind string) [][]string {
	type line struct{ product, region, result, detail string }
	many, namespaces := map[line]int{}, map[line]int{}
	var order []line
	for _, s := range r.SummedUp {
		if s.Kind != kind {
			continue
		}
		of := line{s.Product, s.Region, s.Result, s.Detail}
		if many[of] == 0 {
			order = append(order, of)
		}
		many[of] += s.Count
		namespaces[of]++
	}
	var rows [][]string
	for _, of := range order {
		where := of.region
		if kind == "endpoint" || kind == "consumer" {
			where = fmt.Sprintf("%s, %s", of.region, count(namespaces[of], "namespace"))
		}
		rows = append(rows, []string{"✓", fmt.Sprint(many[of], " more"), of.product, where, cmp.Or(of.detail, of.result)})
	}
	return rows
}

// shown are the first rows of a table: nobody reads a thousand.
func shown[Row any](p *printer, rows []Row, draw func([]Row)) {
	draw(rows[:min(len(rows), rowsMax)])
	if more := len(rows) - rowsMax; more > 0 {
		p.line("  … and %d more, which ?format=json shows", more)
	}
}
